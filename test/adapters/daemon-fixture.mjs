// A daemon as its own process, with settings from the command line instead of a configuration folder.
import { runDaemon } from "../../dist/adapters/daemon/daemon.js";

const settings = JSON.parse(process.argv[2]);
let keys = { master: settings.master, named: new Map() };
let peers = settings.peers.map((host) => ({ text: host, host, port: null }));

process.exit(
  await runDaemon({
    ...settings,
    warnings: [],
    connectionsMax: 100,
    version: "0.0.1",
    logMachineId: false,
    watched: [],
    readKeys() {
      const read = keys;
      keys = null;
      return read;
    },
    readPeers() {
      const read = peers;
      peers = null;
      return read;
    },
  }),
);
