import { inspect } from 'node:util';
import { usePrimary, useReplica } from '@node-replicated/core';
import { describe, expect, it } from 'vitest';
import {
  during,
  duringGet,
  duringPost,
  failureOf,
  numberOn,
  type Place,
  request,
} from '../integration/stage.js';
import { whileReplicasLag } from './lagging.js';
import { type LibraryExample, type LibraryStage, refusedBody } from './stage.js';

/** What every library of databases can do, in its own way of building statements. */
export interface Library {
  /** Reads the view `here`. */
  place(): Promise<Place>;
  /** Writes a note, and gives the port of the server that wrote it. */
  note(body: string): Promise<number>;
  /** Counts the notes with a text. */
  count(body: string): Promise<number>;
  /** Runs a function inside a transaction, which is undone when it throws. */
  transaction(fn: (calls: Library) => Promise<void>): Promise<void>;
}

/**
 * What has to hold for every library that takes a pool.
 *
 * @param library its calls; asked for when a test runs
 */
export function libraryContract(stage: LibraryStage<LibraryExample>, library: () => Library): void {
  const stored = (body: string): Promise<number> =>
    numberOn(stage.cluster.primary, `SELECT count(*) AS n FROM notes WHERE body = '${body}'`);
  const expectAllWell = async (): Promise<void> => {
    expect(await duringGet(() => library().place())).toMatchObject({ standby: true });
    expect(await duringPost(() => library().place())).toMatchObject({ standby: false });
  };

  describe('statements', () => {
    it('reads in a GET from a replica, and does not count as having written', async () => {
      const scope = request('GET');
      expect(await during(scope, () => library().place())).toMatchObject({ standby: true, reader: true });
      expect(scope.session.wrote()).toBe(false);
    });

    it.each(['POST', 'GET'])('writes in a %s on the primary, which counts', async (method) => {
      const scope = request(method);
      expect(await during(scope, () => library().note(`in a ${method}`))).toBe(
        stage.cluster.primary.serverPort,
      );
      expect(await stored(`in a ${method}`)).toBe(1);
      expect(scope.session.wrote()).toBe(true);
    });

    it('reads in a GET what the same GET has written, although no replica has it', async () => {
      await whileReplicasLag(stage.cluster, () =>
        duringGet(async () => {
          await library().note('just now');
          expect(await library().count('just now')).toBe(1);
        }),
      );
    });

    it('reads in a POST, and outside any request, from the primary', async () => {
      expect(await duringPost(() => library().place())).toMatchObject({ standby: false });
      expect(await library().place()).toMatchObject({ standby: false });
    });

    it('reads inside usePrimary from the primary', async () => {
      const place = duringGet(() => usePrimary(() => library().place()));
      expect(await place).toMatchObject({ standby: false });
    });

    it('keeps requests apart that are served at the same time', async () => {
      const places = await Promise.all(
        Array.from({ length: 60 }, (_, i) => (i % 2 ? duringPost : duringGet)(() => library().place())),
      );
      expect(places.map(({ standby }) => standby)).toEqual(places.map((_, i) => i % 2 === 0));
    });

    it('tells of what the database refuses, and goes on', async () => {
      const error = await failureOf(duringGet(() => library().note(refusedBody)));
      expect(inspect(error, { depth: 8 })).toContain('notes_body_check');
      await expectAllWell();
    });
  });

  describe('a transaction in a GET', () => {
    it('runs on the primary, and sees what it has written', async () => {
      const scope = request('GET');
      await whileReplicasLag(stage.cluster, () =>
        during(scope, () =>
          library().transaction(async (calls) => {
            expect(await calls.note('inside')).toBe(stage.cluster.primary.serverPort);
            expect(await calls.count('inside')).toBe(1);
            expect(await calls.place()).toMatchObject({ standby: false, reader: false });
          }),
        ),
      );
      expect(await stored('inside')).toBe(1);
      expect(scope.session.wrote()).toBe(true);
    });

    it('is undone by an error of the application', async () => {
      const changed = duringGet(() =>
        library().transaction(async (calls) => {
          await calls.note('undone');
          throw new Error('changed my mind');
        }),
      );
      await expect(changed).rejects.toThrow('changed my mind');
      expect(await stored('undone')).toBe(0);
      await expectAllWell();
    });

    it('is undone by an error of the database', async () => {
      const error = await failureOf(
        duringGet(() =>
          library().transaction(async (calls) => {
            await calls.note('half');
            await calls.note(refusedBody);
          }),
        ),
      );
      expect(inspect(error, { depth: 8 })).toContain('notes_body_check');
      expect(await stored('half')).toBe(0);
      await expectAllWell();
    });
  });
}

/**
 * What holds besides for a library that can declare a transaction to read only.
 *
 * @param transaction runs a function inside such a transaction
 */
export function readTransactionContract(transaction: Library['transaction']): void {
  it('a transaction in a GET that reads only runs on a replica', async () => {
    const scope = request('GET');
    await during(scope, () =>
      transaction(async (calls) => {
        expect(await calls.place()).toMatchObject({ standby: true });
        expect(await calls.count('nothing of this')).toBe(0);
      }),
    );
    expect(scope.session.wrote()).toBe(false);
  });
}

/** What holds besides for a library whose transactions nest. */
export function nestingContract(library: () => Library): void {
  it('a nested transaction in a GET goes back to its savepoint, and the outer one goes on', async () => {
    await duringGet(() =>
      library().transaction(async (outer) => {
        await outer.note('outer');
        const undone = outer.transaction(async (inner) => {
          await inner.note('inner');
          throw new Error('not this one');
        });
        await expect(undone).rejects.toThrow('not this one');
        expect(await outer.count('inner')).toBe(0);
      }),
    );
    expect(await library().count('outer')).toBe(1);
    expect(await library().count('inner')).toBe(0);
  });
}

/**
 * What holds besides for a library whose statements begin only when somebody awaits them.
 *
 * @param build makes a statement that reads the view `here`, and does not begin it
 */
export function builderContract(build: () => PromiseLike<unknown>): void {
  it.each([
    ['usePrimary', 'GET', usePrimary, false],
    ['useReplica', 'POST', useReplica, true],
  ] as const)(
    'what is only built inside %s in a %s runs as that says',
    async (_, method, switched, standby) => {
      const rows = await during(request(method), async () => [await switched(build)].flat());
      expect(rows).toMatchObject([{ standby }]);
    },
  );
}
