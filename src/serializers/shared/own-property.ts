/**
 * Setting a property whose name came from outside.
 *
 * @module
 */

/** Makes it an own property, also for names such as `__proto__` that would reach the prototype. */
export function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key in Object.prototype) {
    const descriptor = { value, writable: true, enumerable: true, configurable: true }
    Object.defineProperty(object, key, descriptor)
  } else {
    object[key] = value
  }
}
