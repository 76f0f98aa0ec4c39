/** A name server with a few records, for names that no real one has. */
import { createSocket } from "node:dgram";

export type Records = Readonly<
  Record<string, { readonly a?: readonly string[]; readonly srv?: readonly (readonly [string, number])[] }>
>;

const [A, SRV] = [1, 33];
const NAME_ERROR = 3;

/** `IP:PORT` of the server, and its end. */
export async function openNameServer(
  records: Records,
): Promise<{ readonly at: string; readonly close: () => void }> {
  const socket = createSocket("udp4");
  socket.on("message", (question, from) => {
    let end = 12;
    const labels: string[] = [];
    for (let length = question[end] ?? 0; length > 0; length = question[end] ?? 0) {
      labels.push(question.toString("latin1", end + 1, end + 1 + length));
      end += 1 + length;
    }
    const type = question.readUInt16BE(end + 1);
    const known = records[labels.join(".")];
    const answers =
      type === A
        ? (known?.a ?? []).map((ip) => Buffer.from(ip.split(".").map(Number)))
        : type === SRV
          ? (known?.srv ?? []).map(([target, port]) => srvData(target, port))
          : [];
    const head = Buffer.alloc(12);
    question.copy(head, 0, 0, 2);
    head.writeUInt16BE(0x8180 | (known === undefined ? NAME_ERROR : 0), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(answers.length, 6);
    const lines = answers.map((data) => {
      const line = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]);
      return Buffer.concat([line, data]);
    });
    socket.send(Buffer.concat([head, question.subarray(12, end + 5), ...lines]), from.port, from.address);
  });
  await new Promise<void>((done) => socket.bind(0, "127.0.0.1", done));
  return { at: `127.0.0.1:${socket.address().port}`, close: () => socket.close() };
}

function srvData(target: string, port: number): Buffer {
  const head = Buffer.from([0, 1, 0, 1, port >> 8, port & 0xff]);
  const labels = target
    .split(".")
    .map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  return Buffer.concat([head, ...labels, Buffer.from([0])]);
}
