// hocuspocus as its own documentation starts it: no extension, nothing stored.

import { Server } from "@hocuspocus/server";

await new Server({ port: Number(process.env.PORT), address: "127.0.0.1", quiet: true, stopOnSignals: true }).listen();
