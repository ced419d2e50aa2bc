/**
 * A Flask configuration from the environment, as `app.config.from_prefixed_env()` reads it.
 *
 * @module
 */

import { setOwn } from '../../../core/values.ts'
import { ConfigError } from '../../../errors.ts'
import type { FlaskConfig } from '../../flask-config.ts'

/**
 * Reads each variable that begins with the prefix and `_`: a value is JSON where it can be read as such, else a text;
 * `__` in a name goes into an object. So `FLASK_SESSION_COOKIE_SECURE=true` is a boolean, and `True` a text, as in Flask.
 *
 * @throws {ConfigError} When a name goes into a value that is no object, naming the variable.
 */
export function flaskConfigFromEnv(
  env: Readonly<Record<string, string | undefined>> = process.env,
  prefix: string = 'FLASK',
): FlaskConfig {
  const config: Record<string, unknown> = {}
  const start = `${prefix}_`
  for (const name of Object.keys(env).sort()) {
    const text = env[name]
    if (!name.startsWith(start) || text === undefined) continue
    const parts = name.slice(start.length).split('__')
    const last = parts.pop() as string
    setOwn(objectIn(config, parts, name), last, parsed(text))
  }
  return config
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The object behind a path, which is made where there is none. */
function objectIn(config: Record<string, unknown>, parts: readonly string[], name: string) {
  let current = config
  for (const part of parts) {
    if (!Object.hasOwn(current, part)) setOwn(current, part, {})
    const next = current[part]
    if (typeof next !== 'object' || next === null || Array.isArray(next)) {
      throw new ConfigError(
        `The environment's ${name} goes into ${part}, which another variable says is no object.`,
      )
    }
    current = next as Record<string, unknown>
  }
  return current
}
