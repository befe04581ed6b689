// Everything that the Better Auth client does for a user, from signing up to signing in with
// GitHub. Prints what came of each step as one JSON object.
//
//   node better-auth.mjs <base URL> <origin of the page> <email> <password>
import { createAuthClient } from 'better-auth/client';
import { Browser } from './browser.mjs';

const [baseURL, origin, email, password] = process.argv.slice(2);
const newPassword = `${password}-2`;

function device() {
  const browser = new Browser(origin);
  const auth = createAuthClient({ baseURL, fetchOptions: { customFetchImpl: browser.fetch } });
  return { browser, auth };
}

const outcome = ({ data, error }) =>
  error ? { error: { status: error.status, code: error.code } } : { data };
const good = ({ data, error }) => {
  if (error) throw new Error(`${error.status} ${error.code}: ${error.message}`);
  return data;
};
const signedIn = async ({ auth }) => good(await auth.getSession())?.user.email ?? null;

const steps = {};
const laptop = device();
steps.ok = good(await laptop.auth.$fetch('/ok'));
steps.before = good(await laptop.auth.getSession());
steps.signUp = good(await laptop.auth.signUp.email({ email, password, name: 'Ada Lovelace' }));
steps.cookies = laptop.browser.cookieNames;
steps.session = good(await laptop.auth.getSession());
steps.signUpAgain = outcome(
  await device().auth.signUp.email({ email, password, name: 'Somebody Else' }),
);
steps.wrongPassword = outcome(await device().auth.signIn.email({ email, password: 'wrong' }));
steps.unknownEmail = outcome(
  await device().auth.signIn.email({ email: `nobody.${email}`, password: 'wrong' }),
);
steps.updateUser = good(await laptop.auth.updateUser({ name: 'Countess Lovelace' }));
steps.renamed = good(await laptop.auth.getSession()).user.name;
good(await laptop.auth.updateUser({ image: 'https://example.com/ada.png' }));
steps.pictured = good(await laptop.auth.getSession()).user.image;
good(await laptop.auth.updateUser({ image: null }));
steps.unpictured = good(await laptop.auth.getSession()).user;
const waysIn = async ({ auth }) =>
  good(await auth.listAccounts()).map(({ providerId, accountId }) => [providerId, accountId]);
steps.waysIn = await waysIn(laptop);
steps.unlinkLast = outcome(
  await laptop.auth.unlinkAccount({ accountId: good(await laptop.auth.listAccounts())[0].id }),
);

const phone = device();
steps.signIn = good(await phone.auth.signIn.email({ email, password }));
const sessions = good(await laptop.auth.listSessions());
steps.sessions = sessions.length;
const own = good(await laptop.auth.getSession()).session;
const other = sessions.find((session) => session.id !== own.id);
steps.revokeSession = good(await laptop.auth.revokeSession({ token: other.token }));
steps.phoneAfterRevoke = await signedIn(phone);

const tablet = device();
good(await tablet.auth.signIn.email({ email, password }));
steps.revokeOthers = good(await laptop.auth.revokeOtherSessions());
steps.tabletAfterRevoke = await signedIn(tablet);
steps.laptopAfterRevoke = await signedIn(laptop);

good(await tablet.auth.signIn.email({ email, password }));
steps.wrongCurrentPassword = outcome(
  await laptop.auth.changePassword({ currentPassword: 'wrong', newPassword }),
);
good(
  await laptop.auth.changePassword({
    currentPassword: password,
    newPassword,
    revokeOtherSessions: true,
  }),
);
steps.laptopAfterChange = await signedIn(laptop);
steps.tabletAfterChange = await signedIn(tablet);
steps.oldPassword = outcome(await device().auth.signIn.email({ email, password }));
good(await tablet.auth.signIn.email({ email, password: newPassword }));

steps.signOut = good(await laptop.auth.signOut());
steps.laptopAfterSignOut = await signedIn(laptop);
steps.tabletAfterSignOut = await signedIn(tablet);

const callbackURL = `${origin}/welcome`;
const stranger = device();
const social = good(await stranger.auth.signIn.social({ provider: 'github', callbackURL }));
steps.social = { redirect: social.redirect, url: social.url };
const back = await new Browser(origin).follow(social.url);
steps.callback = await stranger.browser.follow(back.location);
steps.socialSession = good(await stranger.auth.getSession());
steps.socialWaysIn = await waysIn(stranger);
steps.wrongDelete = outcome(await tablet.auth.deleteUser({ password: 'wrong' }));
steps.delete = good(await tablet.auth.deleteUser({ password: newPassword }));
steps.tabletAfterDelete = await signedIn(tablet);

console.log(JSON.stringify(steps));
process.exit(0);
