import type pg from 'pg';

/** Creates the tables, with something to read in them. */
export async function createSchema(pool: pg.Pool): Promise<void> {
  await pool.query(`
    CREATE TABLE posts (
      id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      author text NOT NULL,
      title text NOT NULL,
      body text NOT NULL,
      created timestamptz NOT NULL DEFAULT now(),
      archived boolean NOT NULL DEFAULT false
    );
    CREATE TABLE comments (
      id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      post int NOT NULL REFERENCES posts,
      author text NOT NULL,
      body text NOT NULL,
      created timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX ON comments (post);
    CREATE TABLE visits (seen int NOT NULL);
    INSERT INTO visits VALUES (0);
    INSERT INTO posts (author, title, body)
      VALUES ('the demo', 'Welcome', 'Write a post, and look at the foot of the page that follows.');`);
}
