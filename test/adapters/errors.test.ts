import { createServer } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import express from 'express'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import {
  ConfigError,
  ConflictError,
  SerializationError,
  StateError,
  StoreError,
  TooLargeError,
} from 'vial'
import { expect, test } from 'vitest'
import { listening, visiting } from './suite.ts'

const ERRORS = [
  [new StoreError('down', { operation: 'read', outcome: 'not-done', retriable: true }), 503],
  [new ConflictError('others were faster'), 409],
  [new TooLargeError('too large', { size: 2, limit: 1 }), 413],
  [new StateError('late'), 500],
  [new ConfigError('wrong'), 500],
  [new SerializationError('no'), 500],
] as const

test('errors carry the status that frameworks honour', async () => {
  for (const [error, status] of ERRORS) {
    expect([error.status, error.statusCode, error.expose]).toEqual([status, status, false])
    const app = express()
    app.set('env', 'test')
    app.use(() => Promise.reject(error))
    const koa = new Koa()
    koa.silent = true
    koa.use(() => Promise.reject(error))
    const quick = fastify()
    quick.get('/', () => Promise.reject(error))
    const hono = new Hono().get('/', () => Promise.reject(error))
    hono.onError((given, c) => c.text('failed', (given as { status?: 500 }).status))
    const servers = [
      await listening(createServer(app)),
      await listening(createServer(koa.callback())),
      await listening(createAdaptorServer(hono) as never),
      { origin: await quick.listen({ port: 0, host: '127.0.0.1' }), close: () => quick.close() },
    ]
    for (const server of servers) {
      await visiting(server, async (visitor) => {
        expect((await visitor.ask('/')).status).toBe(status)
      })
    }
  }
})
