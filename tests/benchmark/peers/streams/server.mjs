// Serves streams that are kept in files, on the port and in the folder that the arguments name.
import { DurableStreamTestServer } from '@durable-streams/server';

const [port, dataDir] = process.argv.slice(2);
const server = new DurableStreamTestServer({ port: Number(port), host: '127.0.0.1', dataDir, compression: false });
await server.start();
