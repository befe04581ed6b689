// Session tokens as Clerk's SDK makes and verifies them. Prints one JSON object.
//
//   node clerk.mjs sign <issuer> <user id>   tokens, and the public key that verifies them
//   node clerk.mjs verify <token> <JWK> <authorized party>
import { signJwt, verifyJwt } from '@clerk/backend/jwt';
import { createHmac, createPublicKey, webcrypto } from 'node:crypto';

const [command, ...input] = process.argv.slice(2);

async function sign(issuer, userId) {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  };
  const pair = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const kid = 'ins_made_by_the_sdk';
  const jwk = async (key) => ({ ...(await webcrypto.subtle.exportKey('jwk', key)), kid, use: 'sig' });
  const key = await jwk(pair.publicKey);
  const secret = await jwk(pair.privateKey);
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    azp: 'http://localhost:3000',
    exp: now + 60,
    iat: now,
    iss: issuer,
    nbf: now - 10,
    sid: 'sess_2abc',
    sts: 'active',
    sub: userId,
    v: 2,
  };
  const token = (changes = {}, header = {}) =>
    signJwt({ ...claims, ...changes }, secret, {
      algorithm: 'RS256',
      header: { typ: 'JWT', kid, ...header },
    });
  // Algorithm confusion: the public key as the secret of an HMAC.
  const confused = (secretOfHmac) => {
    const part = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');
    const signed = `${part({ alg: 'HS256', typ: 'JWT', kid })}.${part(claims)}`;
    return `${signed}.${createHmac('sha256', secretOfHmac).update(signed).digest('base64url')}`;
  };
  const pem = createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const tokens = {
    confusedPem: confused(pem),
    confusedModulus: confused(Buffer.from(key.n, 'base64url')),
    valid: await token(),
    expired: await token({ exp: now - 120, iat: now - 180, nbf: now - 190 }),
    notYet: await token({ nbf: now + 600 }),
    otherParty: await token({ azp: 'https://evil.example' }),
    otherIssuer: await token({ iss: 'https://clerk.evil.example' }),
    unknownKey: await token({}, { kid: 'ins_unknown' }),
  };
  await verifyJwt(tokens.valid, { key, authorizedParties: [claims.azp] });
  return { key, tokens };
}

async function verify(token, key, party) {
  return verifyJwt(token, { key: JSON.parse(key), authorizedParties: [party] });
}

console.log(JSON.stringify(await { sign, verify }[command](...input)));
