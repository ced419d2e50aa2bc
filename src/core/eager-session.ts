/**
 * The object behind `sessions.session`: it looks like a session and passes every call on to that of the request being
 * served. Made from the classes themselves, because a `Proxy` breaks on their private members.
 *
 * @module
 */

/** Gives an object with every property of a class, those of its parents included; each asks `current` for its target. */
export function eagerSession<T extends object>(prototype: T, current: () => T): T {
  const session = {}
  const target = current as () => Record<PropertyKey, unknown>
  for (const key of propertiesOf(prototype)) {
    const isMethod = typeof findDescriptor(prototype, key)?.value === 'function'
    Object.defineProperty(session, key, {
      get: isMethod
        ? () => (target()[key] as (...args: unknown[]) => unknown).bind(target())
        : () => target()[key],
      set: (value: unknown) => {
        target()[key] = value
      },
    })
  }
  return session as T
}

function propertiesOf(prototype: object): Set<PropertyKey> {
  const keys = new Set<PropertyKey>()
  for (let at = prototype; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    for (const key of Reflect.ownKeys(at)) if (key !== 'constructor') keys.add(key)
  }
  return keys
}

function findDescriptor(prototype: object, key: PropertyKey): PropertyDescriptor | undefined {
  for (let at = prototype; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    const descriptor = Object.getOwnPropertyDescriptor(at, key)
    if (descriptor !== undefined) return descriptor
  }
  return undefined
}
