// The helper of docs/encryption.md, word for word (the run compares them).
import { constants, createCipheriv, createPublicKey, publicEncrypt, randomBytes } from "node:crypto";

/** texts: {fr: "..."}; receivers: the answer of GET /v1/recipients/receivers. Gives content.encrypted. */
export function seal(texts, receivers) {
  const sealed = {};
  for (const { id, jwk } of receivers.receivers) {
    const header = Buffer.from('{"alg":"RSA-OAEP-256","enc":"A256GCM"}').toString("base64url");
    const [key, iv] = [randomBytes(32), randomBytes(12)];
    const publicKey = createPublicKey({ key: { kty: jwk.kty, n: jwk.n, e: jwk.e }, format: "jwk" });
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    const wrapped = publicEncrypt({ key: publicKey, padding, oaepHash: "sha256" }, key);
    const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(header));
    const text = Buffer.concat([cipher.update(JSON.stringify(texts), "utf8"), cipher.final()]);
    const parts = [wrapped, iv, text, cipher.getAuthTag()];
    sealed[id] = [header, ...parts.map((part) => part.toString("base64url"))].join(".");
  }
  return sealed;
}
