// Publishes a privacy request from JavaScript and waits for its completion; docs/wire-format.md says why each step is so.
//
//   npm install kafkajs@2.2.4
//   node publish.mjs BROKER intake.pub.jwk READER < form.json
//
// form.json is as schemas/v1/request-form.schema.json says, with identifiers in their normal form. Prints the request id
// and the person's receipt as soon as the broker has the request, then the completion as JSON. Only Node's own crypto is used.
import { createCipheriv, createHash, createPublicKey, diffieHellman, generateKeyPairSync, randomBytes, randomUUID }
  from "node:crypto";
import { readFileSync } from "node:fs";
import kafkajs from "kafkajs";

const b64u = (raw) => Buffer.from(raw).toString("base64url");

// Compact JWE, ECDH-ES on X25519 with A256GCM (step 2). `req` and `use` bind the content to this request.
export function seal(plain, jwk, requestId) {
  const oneTime = generateKeyPairSync("x25519");
  const { x } = oneTime.publicKey.export({ format: "jwk" });
  const theirs = createPublicKey({ key: { kty: jwk.kty, crv: jwk.crv, x: jwk.x }, format: "jwk" });
  const z = diffieHellman({ privateKey: oneTime.privateKey, publicKey: theirs });
  const number = (value) => { const four = Buffer.alloc(4); four.writeUInt32BE(value); return four; };
  const key = createHash("sha256").update(Buffer.concat([
    number(1), z, number(7), Buffer.from("A256GCM"), number(0), number(0), number(256),
  ])).digest();
  const header = b64u(JSON.stringify({
    alg: "ECDH-ES", enc: "A256GCM", kid: jwk.kid, epk: { kty: "OKP", crv: "X25519", x }, req: requestId, use: "request",
  }));
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(header, "ascii"));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return [header, "", b64u(nonce), b64u(sealed), b64u(cipher.getAuthTag())].join(".");
}

// The person's receipt: show it to them and to nobody else. Only its commitment is sealed with the request.
const SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
export function makeReceipt(random = randomBytes(15)) {
  const drawn = random.reduce((number, byte) => number * 256n + BigInt(byte), 0n);
  const number = drawn / 64n * 37n + drawn % 32n;
  const places = Array.from({ length: 24 }, (_, place) => number / 32n ** BigInt(23 - place) % 32n);
  return [...places, number % 37n].map((one) => SYMBOLS[one]).join("").match(/.{5}/g).join("-");
}
export const commitment = (receipt) => createHash("sha256")
  .update(`expunge-receipt-v1\0${receipt.replaceAll("-", "")}`).digest("hex");

// A CloudEvent in structured mode (step 3). Send it again after a crash with the same bytes, never sealed anew.
export function requestEvent(form, jwk, receipt) {
  const requestId = form.request_id ?? randomUUID();
  const now = new Date().toISOString();
  const { identifiers, request_id: _, ...rest } = form;
  const secret = JSON.stringify({ identifiers, receipt_sha256: commitment(receipt) });
  return {
    id: requestId, source: "https://portal.example/privacy", type: "org.expunge.dsr.request-received.v1",
    specversion: "1.0", subject: requestId, time: now, datacontenttype: "application/json",
    data: {
      received_at: now, ...rest, request_id: requestId,
      sealed: seal(Buffer.from(secret), jwk, requestId),
    },
  };
}

// A message holds one event, or an array of up to 100; what cannot be read is passed by.
function eventsIn(message) {
  try {
    return [JSON.parse(message.value.toString())].flat();
  } catch {
    return [];
  }
}

const [broker, keyFile, reader] = process.argv.slice(2);
const kafka = new kafkajs.Kafka({ brokers: [broker], clientId: "portal", logLevel: kafkajs.logLevel.ERROR });
const receipt = makeReceipt();
const event = requestEvent(JSON.parse(readFileSync(0, "utf8")), JSON.parse(readFileSync(keyFile, "utf8")), receipt);

const producer = kafka.producer({ idempotent: true, createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
await producer.connect();
await producer.send({
  topic: "expunge.requests", acks: -1,
  messages: [{
    key: event.id, value: JSON.stringify(event), headers: { "content-type": "application/cloudevents+json" },
  }],
});
await producer.disconnect();
console.log(event.id);
console.log(receipt);

const consumer = kafka.consumer({ groupId: `expunge.readers.${reader}`, allowAutoTopicCreation: false });
await consumer.connect();
await consumer.subscribe({ topic: "expunge.completions", fromBeginning: true });
const completion = await new Promise((resolve, reject) => {
  consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
  consumer.run({
    eachMessage: async ({ message }) => {
      const found = eventsIn(message)
        .find((one) => one?.type === "org.expunge.dsr.completion.v1" && one.subject === event.id);
      if (found) resolve(found.data);
    },
  });
});
console.log(JSON.stringify(completion));
await consumer.disconnect();
