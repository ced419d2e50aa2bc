import { createSessions } from 'vial'
import { store } from './store.ts'

interface Data {
  readonly views?: number
  readonly note?: string
}

// The build imports this file and has no secret, so the options are a function.
export const sessions = createSessions<Data>(() => ({
  store,
  secret: process.env['SESSION_SECRET'] ?? '',
  cookie: { secure: 'development' },
}))
