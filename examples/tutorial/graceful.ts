/**
 * Stops a server without breaking off an answer.
 *
 * @module
 */

import type { Server } from 'node:http'

/** How long answers may take to finish, in ms. */
const PATIENCE = 10_000

/**
 * Gives a function that stops the server: no new requests, those that run are answered, then every connection is
 * closed. Call it before the server listens.
 */
export function stopperOf(server: Server): () => Promise<void> {
  let running = 0
  let stopping = false

  server.on('request', (_request, response) => {
    running++
    response.once('close', () => {
      running--
      closeWhenIdle()
    })
  })

  // Browsers hold connections open, some of them before they ever sent a request.
  function closeWhenIdle(): void {
    if (stopping && running === 0) server.closeAllConnections()
  }

  return () =>
    new Promise((resolve) => {
      stopping = true
      const timer = setTimeout(() => {
        console.error(`Connections that were open for another ${PATIENCE / 1000} s are broken off.`)
        server.closeAllConnections()
      }, PATIENCE)
      server.close(() => {
        clearTimeout(timer)
        resolve()
      })
      closeWhenIdle()
    })
}
