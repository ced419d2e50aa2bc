import type { RequestHandler } from './$types'

export const trailingSlash = 'ignore'

export const fallback: RequestHandler = (event) => globalThis.vialSuite.respond(event)
