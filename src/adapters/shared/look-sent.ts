/**
 * A held response looks as if it had been sent: its headers cannot be changed, and asking tells so.
 *
 * @module
 */

import { type Held, HOLD, type Hold, type Method, methodsOf, type Setter } from './hold.ts'

/** Makes the response look sent for as long as it is held. */
export function lookSent(response: Held, hold: Hold): void {
  if (hold.setters !== undefined) return
  const methods = methodsOf(response)
  const { setHeader, appendHeader, removeHeader } = methods
  hold.setters = { setHeader, appendHeader, removeHeader }
  methods.setHeader = setters.setHeader
  methods.appendHeader = setters.appendHeader
  methods.removeHeader = setters.removeHeader
  // Each by its name: in a loop, or all at once, V8 takes several times as long.
  Object.defineProperty(response, 'headersSent', looks.headersSent)
  Object.defineProperty(response, 'writableEnded', looks.writableEnded)
  Object.defineProperty(response, 'writableNeedDrain', looks.writableNeedDrain)
}

const setters: Record<Setter, Method> = {
  setHeader(...args) {
    return change(this as Held, 'setHeader', args)
  },
  appendHeader(...args) {
    return change(this as Held, 'appendHeader', args)
  },
  removeHeader(...args) {
    return change(this as Held, 'removeHeader', args)
  },
}

function change(response: Held, name: Setter, args: readonly unknown[]): unknown {
  const hold = response[HOLD]
  if (hold.state === 'held') throw headersSent()
  return hold.setters && Reflect.apply(hold.setters[name], response, args)
}

const looks: Record<
  'headersSent' | 'writableEnded' | 'writableNeedDrain',
  PropertyDescriptor & ThisType<Held>
> = {
  headersSent: {
    configurable: true,
    get() {
      return this[HOLD].state === 'held' || inherited(this, 'headersSent')
    },
  },
  writableEnded: {
    configurable: true,
    get() {
      const { state, ended } = this[HOLD]
      return (state === 'held' && ended) || inherited(this, 'writableEnded')
    },
  },
  writableNeedDrain: {
    configurable: true,
    get() {
      const { state, needDrain } = this[HOLD]
      return (state === 'held' && needDrain) || inherited(this, 'writableNeedDrain')
    },
  },
}

function inherited(response: Held, name: string): unknown {
  return Reflect.get(Object.getPrototypeOf(response) as object, name, response)
}

/** What Node throws when headers are changed too late. */
export function headersSent(): Error {
  return Object.assign(new Error('Cannot set headers after they are sent to the client'), {
    code: 'ERR_HTTP_HEADERS_SENT',
  })
}
