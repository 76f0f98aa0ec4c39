/** One status page of a peer: bounded in time and bytes, and anything but a 200 is no answer. */
import { get } from "node:http";
import { splitAddress } from "./address.ts";
import type { Pages } from "./port.ts";

const PAGE_MS = 2_000;
const PAGE_BYTES_MAX = 1024 * 1024; // ten thousand base directories
const HEADER_BYTES_MAX = 8 * 1024;
/** Of any other path Node makes no request, but an exception. */
const PLAIN_PATH = /^[!-~]+$/;

export type PagesOptions = {
  /** Requests leave from this address, so that servers on one machine are told apart. */
  readonly localHost: string;
  /** Of a page; by default what a server takes from another. */
  readonly bytesMax?: number;
};

export function createPages(options: PagesOptions): Pages {
  const bytesMax = options.bytesMax ?? PAGE_BYTES_MAX;
  const any = options.localHost === "0.0.0.0" || options.localHost === "::";
  return {
    get(address, path, done) {
      if (!PLAIN_PATH.test(path)) {
        setImmediate(done, null);
        return;
      }
      const { host, port } = splitAddress(address);
      let answered = false;
      const answer = (body: Uint8Array | null) => {
        if (answered) return;
        answered = true;
        clearTimeout(timer);
        done(body);
        request.destroy();
      };
      const request = get(
        {
          host,
          port,
          path,
          agent: false,
          maxHeaderSize: HEADER_BYTES_MAX,
          ...(any ? {} : { localAddress: options.localHost }),
        },
        (response) => {
          const parts: Buffer[] = [];
          let size = 0;
          if (response.statusCode !== 200) return answer(null);
          response.on("data", (part: Buffer) => {
            size += part.length;
            if (size > bytesMax) answer(null);
            else parts.push(part);
          });
          response.on("end", () => answer(new Uint8Array(Buffer.concat(parts))));
          response.on("error", () => answer(null));
        },
      );
      // Of the whole exchange; a timeout of the socket would start again with each byte.
      const timer = setTimeout(() => answer(null), PAGE_MS);
      request.on("error", () => answer(null));
    },
  };
}
