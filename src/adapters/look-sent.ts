/**
 * A held response looks as if it had been sent: its headers cannot be changed, and asking tells so.
 *
 * @module
 */

import { type Held, HOLD, type Hold, type Method, methodsOf, type Setter } from './hold.ts'

const LOOKS_SENT = ['headersSent', 'writableEnded', 'writableNeedDrain'] as const

/** Makes the response look sent for as long as it is held. */
export function lookSent(response: Held, hold: Hold): void {
  if (hold.setters !== undefined) return
  const { setHeader, appendHeader, removeHeader } = methodsOf(response)
  hold.setters = { setHeader, appendHeader, removeHeader }
  Object.assign(response, setters)
  for (const name of LOOKS_SENT) Object.defineProperty(response, name, LOOKS[name])
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

const LOOKS: Record<(typeof LOOKS_SENT)[number], PropertyDescriptor & ThisType<Held>> = {
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
