/** One small site, in the frameworks that run middleware of Connect's form. */

import { createServer } from 'node:http'
import middie from '@fastify/middie'
import { Controller, Get, Post, Req } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import type { NestExpressApplication } from '@nestjs/platform-express'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import fastify from 'fastify'
import { createApp, createRouter, eventHandler, fromNodeMiddleware, toNodeListener } from 'h3'
import type { Sessions } from 'vial'
import { sessionMiddleware as forExpress } from 'vial/adapters/express'
import { sessionPlugin } from 'vial/adapters/fastify'
import { sessionMiddleware as forNode } from 'vial/adapters/node'
import type { RunningServer } from 'vial/testing'
import { listening } from '../adapters/suite.ts'

import 'reflect-metadata'

type Middleware = ReturnType<typeof forNode>

/** `POST /login` logs Ada in; `GET /read` responds with the user. */
export type Start = (sessions: Sessions) => Promise<RunningServer>

async function login(sessions: Sessions, request: object): Promise<string> {
  ;(await sessions.of(request)).login('ada')
  return 'welcome'
}

async function read(sessions: Sessions, request: object): Promise<string> {
  return (await sessions.of(request)).user ?? 'nobody'
}

const h3 =
  (middleware: (sessions: Sessions) => Middleware): Start =>
  (sessions) => {
    const routes = createRouter()
      .post(
        '/login',
        eventHandler((event) => login(sessions, event)),
      )
      .get(
        '/read',
        eventHandler((event) => read(sessions, event)),
      )
    const app = createApp()
      .use(fromNodeMiddleware(middleware(sessions)))
      .use(routes)
    return listening(createServer(toNodeListener(app)))
  }

const withMiddie =
  (middleware: (sessions: Sessions) => Middleware): Start =>
  async (sessions) => {
    const app = fastify()
    await app.register(middie)
    app.use(middleware(sessions))
    app.post('/login', (request) => login(sessions, request))
    app.get('/read', (request) => read(sessions, request))
    const origin = await app.listen({ host: '127.0.0.1', port: 0 })
    return { origin, close: () => app.close() }
  }

/** Decorators are called as functions, so that no option of the compiler is needed. */
function controllerOf(sessions: Sessions): new () => object {
  class Site {
    login(request: object): Promise<string> {
      return login(sessions, request)
    }
    read(request: object): Promise<string> {
      return read(sessions, request)
    }
  }
  Controller()(Site)
  for (const [name, route] of [
    ['login', Post('/login')],
    ['read', Get('/read')],
  ] as const) {
    const property = Object.getOwnPropertyDescriptor(Site.prototype, name)
    if (property !== undefined) route(Site.prototype, name, property)
    Req()(Site.prototype, name, 0)
  }
  return Site
}

function moduleOf(sessions: Sessions) {
  return { module: class {}, controllers: [controllerOf(sessions)] }
}

const QUIET = { logger: false } as const

const nestOnExpress: Start = async (sessions) => {
  const app = await NestFactory.create<NestExpressApplication>(moduleOf(sessions), QUIET)
  app.use(forExpress(sessions))
  await app.listen(0, '127.0.0.1')
  return { origin: await app.getUrl(), close: () => app.close() }
}

const nestOnFastify =
  (install: (app: NestFastifyApplication, sessions: Sessions) => unknown): Start =>
  async (sessions) => {
    const app = await NestFactory.create<NestFastifyApplication>(
      moduleOf(sessions),
      new FastifyAdapter(),
      QUIET,
    )
    await install(app, sessions)
    await app.listen(0, '127.0.0.1')
    return { origin: await app.getUrl(), close: () => app.close() }
  }

/** Express's middleware is declared with Express's own request. */
const express = (sessions: Sessions): Middleware => forExpress(sessions) as unknown as Middleware

/** In each of them but the last two, the first call of `next` is the one that counts. */
export const FRAMEWORKS: Readonly<Record<string, Start>> = {
  'h3 1': h3((sessions) => forNode(sessions)),
  "h3 1, with Express's middleware": h3(express),
  middie: withMiddie((sessions) => forNode(sessions)),
  "middie, with Express's middleware": withMiddie(express),
  'Nest on Fastify, app.use': nestOnFastify((app, sessions) => app.use(forNode(sessions))),
  "Nest on Fastify, app.use with Express's middleware": nestOnFastify((app, sessions) =>
    app.use(express(sessions)),
  ),
  'Nest on Fastify, app.register': nestOnFastify((app, sessions) =>
    app.register(sessionPlugin(sessions) as never),
  ),
  'Nest on Express': nestOnExpress,
}
