import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from './find-program.ts';

const run = promisify(execFile);

/** The openssl program in PATH, or null. */
export function findOpenssl(): string | null {
  return findProgram('openssl');
}

/** A certificate and its key, as files and in PEM. */
export interface IssuedCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** An authority of its own, for tests. */
export interface TestAuthority {
  readonly caFile: string;
  readonly ca: string;
  /** A certificate for 127.0.0.1 that servers and clients can use. */
  issue(name: string): Promise<IssuedCertificate>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Makes an authority. Throws where there is no openssl. */
export async function createAuthority(): Promise<TestAuthority> {
  const openssl = findOpenssl();
  if (openssl === null) throw new Error('there is no openssl in PATH');
  const directory = await mkdtemp(path.join(tmpdir(), 'undermoon-ca-'));
  const at = (name: string): string => path.join(directory, name);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const authority = ['-keyout', at('ca.key'), '-out', at('ca.pem'), '-subj', '/CN=test authority'];
  await run(openssl, ['req', '-x509', '-days', '2', ...newKey, ...authority]);
  const issue = async (name: string): Promise<IssuedCertificate> => {
    const [certFile, keyFile, request] = [at(`${name}.pem`), at(`${name}.key`), at(`${name}.csr`)];
    await writeFile(
      at(`${name}.ext`),
      'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n',
    );
    const subject = ['-keyout', keyFile, '-out', request, '-subj', `/CN=${name}`];
    await run(openssl, ['req', '-new', ...newKey, ...subject]);
    const signer = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial'];
    const signed = ['-in', request, '-out', certFile, '-extfile', at(`${name}.ext`)];
    await run(openssl, ['x509', '-req', '-days', '2', ...signer, ...signed]);
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    return { certFile, keyFile, cert, key };
  };
  return {
    caFile: at('ca.pem'),
    ca: await readFile(at('ca.pem'), 'utf8'),
    issue,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
