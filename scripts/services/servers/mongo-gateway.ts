/** MongoDB's protocol in front of PostgreSQL with the DocumentDB extension. */

import { createServer, type Server, type Socket } from 'node:net'
import pg from 'pg'
import { type CommandState, helloReply, runCommand } from './mongo-commands.ts'
import { messageCutter, readMessage, writeMessage } from './mongo-message.ts'

/** Listens on 127.0.0.1. */
export async function mongoGateway(port: number, database: number): Promise<Server> {
  const pool = new pg.Pool({ host: '127.0.0.1', port: database, user: 'postgres', max: 50 })
  // A connection that broke while it was idle. The pool makes another one.
  pool.on('error', () => undefined)
  const state: CommandState = { cursors: new Map() }
  const server = createServer({ noDelay: true }, (socket) => serve(socket, pool, state))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return server
}

function serve(socket: Socket, pool: pg.Pool, state: CommandState): void {
  const cut = messageCutter()
  let turn = Promise.resolve()
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => {
    for (const message of cut(chunk)) {
      turn = turn
        .then(() => answer(message))
        .catch((error: unknown) => {
          console.error(error)
          socket.destroy()
        })
    }
  })

  async function answer(message: Buffer): Promise<void> {
    const request = readMessage(message)
    const reply = request.legacy ? helloReply() : await runCommand(pool, request.command, state)
    if (request.wantsReply && socket.writable) socket.write(writeMessage(request, reply))
  }
}
