/**
 * What is in the place of a session: the session of eager life cycles, and what explains a mistake that the types show only
 * to programs in TypeScript.
 *
 * @module
 */

import { StateError } from '../errors.ts'

/**
 * An object with every property of a class and its parents, each of which asks `current` for its target. A `Proxy` would
 * break on their private members.
 */
export function eagerSession<T extends object>(prototype: T, current: () => unknown): T {
  const session = {}
  const target = current as () => Record<PropertyKey, unknown>
  for (const key of propertiesOf(prototype)) {
    Object.defineProperty(session, key, {
      get: () => {
        const value = target()[key]
        return typeof value === 'function' ? value.bind(target()) : value
      },
      set: (value: unknown) => {
        target()[key] = value
      },
    })
  }
  return Object.preventExtensions(session) as T
}

/**
 * Gives a function for promises of a session: in development, what a session has and a promise has not throws there, where a
 * forgotten `await` gives undefined.
 */
export function toAwait(prototype: object, isDevelopment: boolean) {
  if (!isDevelopment) return <T>(session: Promise<T>): Promise<T> => session
  const promise = Object.create(Promise.prototype) as object
  for (const key of propertiesOf(prototype)) {
    // Inspectors and loggers use symbols and `toJSON` of any object.
    if (typeof key === 'symbol' || key === 'toJSON' || key in Promise.prototype) continue
    const explain = (): never => {
      throw new StateError(
        `The session is a promise, which has no \`${key}\`. Await it: \`const session = await sessions.of(request)\`.`,
      )
    }
    Object.defineProperty(promise, key, { get: explain, set: explain })
  }
  return <T>(session: Promise<T>): Promise<T> => Object.setPrototypeOf(session, promise)
}

/** Adds methods that only sessions in a store have, and that throw in others. */
export function forbidWithoutStore(prototype: object, names: readonly string[]): void {
  for (const name of names) {
    const value = (): never => {
      throw new StateError(
        `${name}() needs a store: of two responses at once a browser keeps one cookie, and the change in the other would be lost. Give createSessions a \`store\`, or use get() and set().`,
      )
    }
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true })
  }
}

/** The names of the properties of a class and its parents. */
function propertiesOf(prototype: object): Set<string | symbol> {
  const names = new Set<string | symbol>()
  for (let at = prototype; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    for (const key of Reflect.ownKeys(at)) if (key !== 'constructor') names.add(key)
  }
  return names
}
