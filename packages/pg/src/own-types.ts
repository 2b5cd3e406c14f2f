import type pg from 'pg';

const truth = 16;

function isTrue(value: string | Buffer): boolean {
  return value === 't' || value[0] === 1;
}

/**
 * Reads the answers to this library's own questions, which are text and truth, whatever parsers and formats the
 * application has set for its own.
 */
export const ownTypes: pg.CustomTypesConfig = {
  getTypeParser: (oid: number) => (oid === truth ? isTrue : String),
};
