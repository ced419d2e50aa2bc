import { withSession } from 'vial/adapters/fetch'
import { expect, test } from 'vitest'
import { start } from './fetch-app.ts'
import { memorySessions, runSuite } from './suite.ts'

runSuite({ name: 'fetch', start, errorsCommit: false, subRequests: true })

const request = (path = '/'): Request => new Request(`http://localhost${path}`)

test('the handler gets what the platform hands over besides the request', async () => {
  const { sessions } = memorySessions()
  const handler = withSession(sessions, (_request, env: { name: string }, id: number) =>
    Response.json([env.name, id]),
  )
  expect(await (await handler(request(), { name: 'env' }, 7)).json()).toEqual(['env', 7])
})

test('a response is left as it is without a session, and copied when it gets a cookie', async () => {
  const { sessions } = memorySessions()
  const constant = new Response(null, {
    status: 204,
    statusText: 'Nothing',
    headers: { 'x-a': '1' },
  })
  const handler = withSession(sessions, async (given) => {
    if (given.url.endsWith('/login')) (await sessions.of(given)).set('name', 'Ada')
    return constant
  })
  expect(await handler(request())).toBe(constant)
  const login = await handler(request('/login'))
  expect([login.status, login.statusText, login.headers.get('x-a')]).toEqual([204, 'Nothing', '1'])
  expect(login.headers.getSetCookie()).toHaveLength(1)
  expect([...constant.headers.keys()]).toEqual(['x-a'])
})

test('a response without a cookie is the same one, and says that it depends on the cookie', async () => {
  const { sessions } = memorySessions()
  const shared = new Response('hello', { headers: { vary: 'Accept' } })
  const redirect = Response.redirect('http://localhost/home', 303)
  const handler = withSession(sessions, async (given) => {
    ;(await sessions.of(given)).get('name')
    return given.url.endsWith('/home') ? redirect : shared
  })
  for (const again of [1, 2]) {
    const response = await handler(request(`/${again}`))
    expect(response).toBe(shared)
    expect(response.headers.get('vary')).toBe('Accept, Cookie')
  }
  // Its headers cannot be changed, so it is another one.
  const home = await handler(request('/home'))
  expect([home.status, home.headers.get('location'), home.headers.get('vary')]).toEqual([
    303,
    'http://localhost/home',
    'Cookie',
  ])
})

test('a network error passes untouched, with a cookie and without', async () => {
  const { sessions, watch } = memorySessions()
  const failure = Response.error()
  const handler = withSession(sessions, async (given) => {
    const session = await sessions.of(given)
    if (given.url.endsWith('/write')) session.set('name', 'Ada')
    return failure
  })
  for (const path of ['/read', '/write']) expect(await handler(request(path))).toBe(failure)
  expect([watch.calls, failure.type, [...failure.headers]]).toEqual([['create'], 'error', []])
  // It has no status of a success.
  const discards = withSession(
    sessions,
    async (given) => {
      ;(await sessions.of(given)).set('name', 'Ada')
      return failure
    },
    { onError: 'discard' },
  )
  expect(await discards(request())).toBe(failure)
  expect(watch.calls).toEqual(['create'])
})

test('an immutable response gets its cookie', async () => {
  const { sessions } = memorySessions()
  const handler = withSession(sessions, async (given) => {
    ;(await sessions.of(given)).set('name', 'Ada')
    return Response.redirect('http://localhost/home', 303)
  })
  const { status, headers } = await handler(request())
  expect([status, headers.get('location')]).toEqual([303, 'http://localhost/home'])
  expect(headers.getSetCookie()).toHaveLength(1)
})

test('a failure is thrown on: the handler’s discards its writes, the store’s cancels the body', async () => {
  const { sessions, watch } = memorySessions()
  let cancelled = false
  const handler = withSession(sessions, async (given) => {
    ;(await sessions.of(given)).set('name', 'Ada')
    if (given.url.endsWith('/throw')) throw new Error('handler')
    return new Response(
      new ReadableStream({
        cancel() {
          cancelled = true
        },
      }),
    )
  })
  await expect(handler(request('/throw'))).rejects.toThrow('handler')
  expect(watch.calls).toEqual([])
  watch.fail('writes')
  await expect(handler(request())).rejects.toMatchObject({ code: 'ERR_VIAL_STORE' })
  expect(cancelled).toBe(true)
})
