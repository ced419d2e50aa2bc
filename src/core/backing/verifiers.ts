/**
 * The verifiers of a session through its life: which one a cookie presented, and which one a commit gives next. A login
 * and `regenerate` take a random verifier; the one before opens nothing from then on. A renewal derives the verifier from
 * the one before, so every holder of that can be given the same new cookie, and the store alone cannot make it.
 *
 * @module
 */

import {
  type Credential,
  type RandomBytes,
  randomText,
  sameHash,
  type VerifierScheme,
} from '../ids.ts'
import type { NewVerifier, Origin } from '../origin.ts'
import type { Meta } from '../record.ts'

/** How long a verifier that was replaced is not taken for a stolen one, in ms. */
const GRACE = 60_000
const NONCE_BYTES = 16

/** A new verifier, for the cookie and for the record. */
export interface Issued {
  readonly credential: Credential
  readonly verifier: NewVerifier
}

export interface VerifiersConfig {
  readonly scheme: VerifierScheme
  readonly randomBytes: RandomBytes
  /** The age of a verifier, in ms, at which a commit renews it. Undefined: never. No preset sets it yet. */
  readonly renewAfter: number | undefined
  readonly now: () => number
}

export class Verifiers {
  readonly #config: VerifiersConfig

  constructor(config: VerifiersConfig) {
    this.#config = config
  }

  /** What a presented credential is worth. `replayed`: it opens nothing, and may have been stolen. */
  verify(credential: Credential, meta: Meta): Pick<Origin, 'standing' | 'credential'> | 'replayed' {
    const { scheme, now } = this.#config
    const { graceFrom } = meta
    const presented = scheme.hash(credential.verifier)
    if (sameHash(meta.verifierHash, presented)) return { credential, standing: 'current' }
    if (!sameHash(meta.previousHash, presented)) return 'replayed'
    const isInGrace = graceFrom !== undefined && now() - graceFrom < GRACE
    if (meta.changedBy === 'renew' && meta.nonce !== undefined) {
      // Until the new verifier was presented, the response that brings it may be lost or under way.
      return graceFrom === undefined || isInGrace
        ? { credential: scheme.renew(credential, meta.nonce), standing: 'renewed' }
        : 'replayed'
    }
    return isInGrace ? { credential, standing: 'superseded' } : 'replayed'
  }

  /** The verifier of a new record. */
  first({ verifier }: Credential): NewVerifier {
    return { hash: this.#config.scheme.hash(verifier) }
  }

  /** The verifier for a login or `regenerate`. */
  rotate(credential: Credential, changedBy: 'login' | 'regenerate'): Issued {
    const { scheme } = this.#config
    const next = scheme.rotate(credential)
    return { credential: next, verifier: { hash: scheme.hash(next.verifier), changedBy } }
  }

  /** The verifier for a renewal. */
  renew(credential: Credential): Issued {
    const { scheme, randomBytes } = this.#config
    const nonce = randomText(randomBytes, NONCE_BYTES)
    const next = scheme.renew(credential, nonce)
    const hash = scheme.hash(next.verifier)
    return { credential: next, verifier: { hash, changedBy: 'renew', nonce } }
  }

  /** Whether a commit is to renew the verifier. */
  isRenewalDue({ meta, standing }: Origin): boolean {
    const { renewAfter, now } = this.#config
    if (renewAfter === undefined || standing !== 'current') return false
    // After a renewal the age counts from the first request that presented the new verifier.
    const since =
      meta.changedBy === 'renew'
        ? meta.graceFrom
        : (meta.graceFrom ?? meta.loggedInAt ?? meta.createdAt)
    return since !== undefined && now() - since >= renewAfter
  }

  /**
   * Whether this request is the first to present the verifier of a renewal. Its commit notes that, which begins the
   * grace of the one before.
   */
  isFirstPresented({ meta, standing }: Origin): boolean {
    return standing === 'current' && meta.changedBy === 'renew' && meta.graceFrom === undefined
  }

  /** What opens a record with this metadata, for a visitor that holds `credential`. */
  credentialFor(credential: Credential, loaded: Meta, meta: Meta, issued?: Issued): Credential {
    if (meta.verifierHash === loaded.verifierHash) return credential
    if (issued !== undefined && meta.verifierHash === issued.verifier.hash) return issued.credential
    // Another request renewed it meanwhile.
    return meta.nonce === undefined ? credential : this.#config.scheme.renew(credential, meta.nonce)
  }
}
