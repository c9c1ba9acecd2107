// Gmail on loopback, for as long as somebody holds this process's standard input open.
// Arguments: how many people have a mailbox, who are called u0@office.example and so on, and more
// people, as "Ann <ann@x.example>".
import { createEmulator } from "emulate";

const [count, ...more] = process.argv.slice(2);
const users = Array.from({ length: Number(count) }, (_, number) => ({
  email: `u${number}@office.example`,
  name: "Mia Sand",
}));
for (const person of more) {
  const [, name, email] = person.match(/^(.*) <(.*)>$/);
  users.push({ email, name });
}
const gmail = await createEmulator({ service: "google", port: 0, seed: { google: { users } } });
console.log(gmail.url);
process.stdin.on("end", () => process.exit());
process.stdin.resume();
