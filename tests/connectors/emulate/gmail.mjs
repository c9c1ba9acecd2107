// Gmail on loopback, for as long as somebody holds this process's standard input open.
// argv: how many people have a mailbox, who are called u0@office.example and so on.
import { createEmulator } from "emulate";

const users = Array.from({ length: Number(process.argv[2]) }, (_, number) => ({
  email: `u${number}@office.example`,
  name: "Mia Sand",
}));
const gmail = await createEmulator({ service: "google", port: Number(process.argv[3]), seed: { google: { users } } });
console.log(gmail.url);
process.stdin.on("end", () => process.exit());
process.stdin.resume();
