/**
 * What a visitor typed into a form.
 *
 * @module
 */

import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'

/** The longest text that a field may hold, in characters. */
export const LONGEST = 200

/**
 * Resolves to a function that gives a field: trimmed, cut to {@link LONGEST}, and empty when it is missing or not text.
 *
 * @throws {HTTPException} 400 when the body is not a form.
 */
export async function formOf(c: Context): Promise<(name: string) => string> {
  const fields = await parsed(c)
  return (name) => {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined
    return typeof value === 'string' ? value.trim().slice(0, LONGEST) : ''
  }
}

async function parsed(c: Context): Promise<Record<string, unknown>> {
  try {
    return await c.req.parseBody()
  } catch (cause) {
    throw new HTTPException(400, { message: 'The form could not be read.', cause })
  }
}
