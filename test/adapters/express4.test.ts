// @ts-expect-error: the alias of Express 4 has no types of its own
import express4 from 'express4'
import { type ExpressModule, middleware, starting } from './express-app.ts'
import { runSuite } from './suite.ts'

runSuite({ name: 'Express 4', start: starting(express4 as ExpressModule), middleware })
