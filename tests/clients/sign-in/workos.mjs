// Sessions as WorkOS' SDK seals and opens them. Prints one JSON object.
//
//   node workos.mjs seal <WorkOS URL> <client id> <API key> <cookie password> <code>
//   node workos.mjs open <WorkOS URL> <client id> <API key> <cookie password> <sealed session>
import { WorkOS } from '@workos-inc/node';

const [command, url, clientId, apiKey, cookiePassword, input] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const { userManagement } = new WorkOS(apiKey, {
  clientId,
  apiHostname: hostname,
  port: Number(port),
  https: false,
});

async function seal() {
  const { sealedSession } = await userManagement.authenticateWithCode({
    clientId,
    code: input,
    session: { sealSession: true, cookiePassword },
  });
  return { sealedSession };
}

async function open() {
  const session = userManagement.loadSealedSession({ sessionData: input, cookiePassword });
  const { authenticated, reason, sessionId, user } = await session.authenticate();
  const refreshed = await session.refresh();
  return {
    authenticated,
    reason,
    sessionId,
    user,
    refreshed: refreshed.authenticated,
    sealedSession: refreshed.sealedSession,
  };
}

console.log(JSON.stringify(await { seal, open }[command]()));
