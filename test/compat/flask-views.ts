/** What the recorded views do, said in the words of this side: by the Python statements. */

import type { Session } from 'vial'
import { tuple } from 'vial'
import { Float, Markup, Uuid } from 'vial/serializers/python-values'

export type Found = Record<string, unknown>

/** A view that asks for its session. */
type View = (session: Session, found: Found) => void

/** The dictionary as Flask shows it. */
function dict(session: Session): Found {
  return { ...(session.permanent && { _permanent: true }), ...session.toJSON() }
}

const flashes = (session: Session): unknown[] =>
  session.flashes().map(({ category, message }) => [category, message])

const read: View = (session, found) => {
  found['d'] = dict(session)
}
const clearAndRead: View = (session, found) => {
  session.clear()
  // What is left says only whether it is permanent.
  found['d'] = { _permanent: session.permanent, ...session.toJSON() }
}

export const VIEWS: Readonly<Record<string, View>> = {
  "found['v'] = 'a' in session": (s, found) => {
    found['v'] = s.has('a')
  },
  "found['v'] = len(session)": (s, found) => {
    found['v'] = s.size
  },
  "found['v'] = list(session)": (s, found) => {
    found['v'] = [...s.keys()]
  },
  "found['m'] = session.modified; found['p'] = session.permanent": (s, found) => {
    found['m'] = s.modified
    found['p'] = s.permanent
  },
  "found['v'] = dict(session)": (s, found) => {
    found['v'] = dict(s)
  },
  "found['d'] = dict(session)": read,
  "found['v'] = session['a']": (s, found) => {
    found['v'] = s.get('a')
  },
  "found['v'] = session.get('a')": (s, found) => {
    found['v'] = s.get('a', null)
  },
  "found['a'] = session.get('a')": (s, found) => {
    found['a'] = s.get('a', null)
  },
  "session['a'] = 1": (s) => s.set('a', 1),
  "session['b'] = 1": (s) => s.set('b', 1),
  "session['b'] = 2": (s) => s.set('b', 2),
  "session['n'] = 0": (s) => s.set('n', 0),
  "session['n'] = 1": (s) => s.set('n', 1),
  "session['n'] = 2": (s) => s.set('n', 2),
  "session['n'] = 99": (s) => s.set('n', 99),
  "session['u'] = 'bob'": (s) => s.set('u', 'bob'),
  "session['z'] = 1": (s) => s.set('z', 1),
  "session['l'] = [1]": (s) => s.set('l', [1]),
  "session['a'] = {'x': 1.5, 'é': None}": (s) => s.set('a', { x: 1.5, é: null }),
  "session['l'].append(2)": (s) => (s.get('l') as number[]).push(2),
  "session['l'].append(3)": (s) => (s.get('l') as number[]).push(3),
  'session.permanent = True': (s) => {
    s.permanent = true
  },
  'session.permanent = False': (s) => {
    s.permanent = false
  },
  "session.permanent = True; session['a'] = 1": (s) => {
    s.permanent = true
    s.set('a', 1)
  },
  'session.clear()': (s) => s.clear(),
  "session.clear(); session['z'] = 1": (s) => {
    s.clear()
    s.set('z', 1)
  },
  "session.clear(); found['d'] = dict(session)": clearAndRead,
  "session.pop('a')": (s) => s.pop('a'),
  "session.pop('z')": (s) => s.pop('z'),
  "session.pop('x', None)": (s) => s.pop('x', null),
  "session.setdefault('a', 5)": (s) => s.setDefault('a', 5),
  "session.setdefault('c', 5)": (s) => s.setDefault('c', 5),
  "session |= {'a': 1}": (s) => s.set('a', 1),
  'app.session_interface.regenerate(session)': (s) => s.regenerate(),
  'import uuid; session.update(t=(1, [2.0, (3,)]), u=uuid.UUID(int=5), f=1.0, n=1)': (s) => {
    s.set('t', tuple(1, [new Float(2), tuple(3)]))
    s.set('u', new Uuid('00000000-0000-0000-0000-000000000005'))
    s.set('f', new Float(1))
    s.set('n', 1)
  },
  'session.update(t=(1, [2.0]), f=1.0, n=1)': (s) => {
    s.set('t', [1, [new Float(2)]])
    s.set('f', new Float(1))
    s.set('n', 1)
  },
  "session['a'] = 1; raise ZeroDivisionError": (s) => {
    s.set('a', 1)
    throw new Error('The view failed.')
  },
  "session['s'] = {1, 2}": (s) => s.set('s', new Set([1, 2])),
  "session['o'] = object()": (s) => s.set('o', new (class Thing {})()),
  "flash('Hello'); flash('Bad', 'error')": (s) => {
    s.flash('Hello')
    s.flash('Bad', 'error')
  },
  "flash('More', 'info')": (s) => s.flash('More', 'info'),
  "flash('Hi', 'info')": (s) => s.flash('Hi', 'info'),
  "flash(Markup('<b>hi</b>'))": (s) => s.flash(new Markup('<b>hi</b>')),
  "found['m'] = get_flashed_messages(with_categories=True)": (s, found) => {
    found['m'] = flashes(s)
  },
  "found['m'] = [[type(m).__name__, str(m)] for m in get_flashed_messages()]": (s, found) => {
    found['m'] = s.flashes().map(({ message, html }) => [html ? 'Markup' : 'str', message])
  },
  // Messages are taken when they are shown; here nothing is kept for a second showing.
  [`found['m'] = get_flashed_messages(with_categories=True)
found['again'] = get_flashed_messages()
found['only'] = get_flashed_messages(category_filter=['error'])
found['left'] = dict(session)`]: (s, found) => {
    found['m'] = flashes(s)
    found['again'] = flashes(s)
    found['left'] = dict(s)
  },
}
