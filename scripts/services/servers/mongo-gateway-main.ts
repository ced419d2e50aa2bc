/** The gateway as a process of its own: the port to listen on, then the port of the database. */

import process from 'node:process'
import { mongoGateway } from './mongo-gateway.ts'

const [port, database] = process.argv.slice(2).map(Number)
if (!port || !database) throw new Error('two ports are needed')
await mongoGateway(port, database)
