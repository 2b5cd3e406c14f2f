import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { otherSecret, secret, signerWith, thrownBy } from './requests.js';

const text = '1.time.main:';

describe('a signature', () => {
  test('is verified by the signer that made it', () => {
    const signer = signerWith([secret]);
    expect(signer.verify(text, signer.sign(text))).toBe(true);
  });

  test('is verified by another signer of the same secret', () => {
    expect(signerWith([secret]).verify(text, signerWith([secret]).sign(text))).toBe(true);
  });

  test('is 43 characters of base64url', () => {
    const signer = signerWith([secret]);
    for (const signed of ['', text, 'ü', 'x'.repeat(10_000)])
      expect(signer.sign(signed)).toMatch(/^[\w-]{43}$/);
  });

  test('holds for its own text alone', () => {
    const signer = signerWith([secret]);
    for (const other of ['', `${text} `, text.slice(1), text.toUpperCase()])
      expect(signer.verify(other, signer.sign(text))).toBe(false);
  });

  test('of another secret is not verified', () => {
    expect(signerWith([secret]).verify(text, signerWith([otherSecret]).sign(text))).toBe(false);
  });

  test('is compared as a whole: every other character in any place fails', () => {
    const signer = signerWith([secret]);
    const signature = signer.sign(text);
    for (let i = 0; i < signature.length; i++) {
      const flipped = signature.slice(0, i) + (signature[i] === 'A' ? 'B' : 'A') + signature.slice(i + 1);
      expect(signer.verify(text, flipped), `character ${i}`).toBe(false);
    }
  });

  test.each([
    '',
    'x',
    'x'.repeat(42),
    'x'.repeat(44),
    'ü'.repeat(43),
    '\u0000'.repeat(43),
    'x'.repeat(100_000),
  ])('of another length or alphabet fails, and throws nothing', (signature) => {
    expect(signerWith([secret]).verify(text, signature)).toBe(false);
  });

  test('with padding, or in the other base64 alphabet, is not the same signature', () => {
    const signer = signerWith([secret]);
    const signature = signer.sign(text);
    expect(signer.verify(text, `${signature}=`)).toBe(false);
    const plain = Buffer.from(signature, 'base64url').toString('base64');
    expect(signer.verify(text, plain)).toBe(false);
  });
});

describe('rotation', () => {
  test('the first secret signs', () => {
    const rotated = signerWith([otherSecret, secret]);
    expect(rotated.sign(text)).toBe(signerWith([otherSecret]).sign(text));
  });

  test('every secret verifies', () => {
    const third = 'a third secret of these tests, long enough';
    const rotated = signerWith([otherSecret, secret, third]);
    for (const old of [otherSecret, secret, third])
      expect(rotated.verify(text, signerWith([old]).sign(text)), old).toBe(true);
  });

  test('a secret that was removed verifies no more', () => {
    const old = signerWith([secret]).sign(text);
    expect(signerWith([otherSecret]).verify(text, old)).toBe(false);
  });
});

describe('the secret', () => {
  test('may serve the application elsewhere: a plain HMAC of the same text is no signature of ours', () => {
    const signer = signerWith([secret]);
    for (const theirs of [text, `pin${text}`, `node-replicated${text}`]) {
      const digest = createHmac('sha256', secret).update(theirs).digest('base64url');
      expect(signer.sign(text)).not.toBe(digest);
      expect(signer.verify(text, digest)).toBe(false);
    }
  });

  test('has at least 32 bytes, counted as bytes', () => {
    expect(thrownBy(() => signerWith(['x'.repeat(31)]))).toMatchObject({ code: 'ERR_SECRET' });
    expect(thrownBy(() => signerWith(['x'.repeat(32)]))).toBeUndefined();
    expect(thrownBy(() => signerWith(['ü'.repeat(16)]))).toBeUndefined();
  });

  test('has to be long enough in every place of the list', () => {
    expect(thrownBy(() => signerWith([secret, 'short']))).toMatchObject({ code: 'ERR_SECRET' });
  });

  test('has to be there', () => {
    expect(thrownBy(() => signerWith([]))).toMatchObject({ code: 'ERR_SECRET' });
  });

  test('stands in no error message, and the signer does not show it', () => {
    const error = thrownBy(() => signerWith(['hunter2']));
    expect(String(error)).not.toContain('hunter2');
    expect(String(error)).toContain('7 bytes');
    expect(JSON.stringify(signerWith([secret]))).not.toContain(secret);
  });
});
