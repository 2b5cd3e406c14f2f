/** What has to be true of an answer. */
export interface Expectation {
  /** @default 200 */
  readonly status?: number;
  /** Role and reason of each statement, in order; repetitions count once. */
  readonly served: readonly string[];
  /** Whether the answer pins the visitor. @default false: it has no `Set-Cookie` */
  readonly pins?: true;
  /** What the body holds. */
  readonly shows?: string;
  /** What the body must not hold. */
  readonly hides?: string;
}

/** One request of a visitor. */
export interface Step extends Circumstances {
  readonly about: string;
  /** Who asks. Visitors are new when they first appear. */
  readonly visitor: string;
  /** A method and a path, in which `{location}` is where the visitor's latest redirect pointed. */
  readonly request: string;
  readonly expects: Expectation;
}

interface Circumstances {
  readonly form?: Readonly<Record<string, string>>;
  /** Waits first until all nodes are in use and all replicas have caught up. */
  readonly settle?: true;
  /** The visitor comes with this other one's cookies, tampered with. */
  readonly forges?: string;
}

function step(
  about: string,
  visitor: string,
  request: string,
  expects: Expectation,
  circumstances: Circumstances = {},
): Step {
  return { about, visitor, request, expects, ...circumstances };
}

/** Each framework gets the whole of it, and posts of its own. */
export function scenarioFor(framework: string): readonly Step[] {
  const post = { author: 'ann', title: `<b>Hello</b> by ${framework}`, body: 'First!' };
  const postShown = `&lt;b&gt;Hello&lt;/b&gt; by ${framework}`;
  const late = {
    author: 'grace',
    title: `Late news by ${framework}`,
    body: 'Written while the replicas lag.',
  };
  const comment = { author: 'ann', body: '"Welcome" & so on' };
  const commentShown = '&quot;Welcome&quot; &amp; so on';

  return [
    step(
      'a new visitor reads',
      'ann',
      'GET /',
      { served: ['replica method'], shows: 'Welcome' },
      { settle: true },
    ),
    step('HEAD reads', 'ann', 'HEAD /', { served: ['replica method'] }),

    step(
      'a post is written',
      'ann',
      'POST /posts',
      { status: 303, served: ['primary method'], pins: true },
      { form: post },
    ),
    step('its writer sees it, escaped', 'ann', 'GET {location}', {
      served: ['primary pin'],
      shows: postShown,
      hides: '<b>Hello',
    }),
    step(
      'somebody else reads',
      'bob',
      'GET /',
      { served: ['replica method'], shows: postShown },
      { settle: true },
    ),
    step(
      'a comment is written',
      'ann',
      'POST {location}/comments',
      { status: 303, served: ['primary method'], pins: true },
      { form: comment },
    ),
    step('its writer sees it', 'ann', 'GET {location}', { served: ['primary pin'], shows: commentShown }),
    step(
      'a form with a fault writes nothing',
      'bob',
      'POST /posts',
      { status: 422, served: [], shows: 'The title is missing.' },
      { form: { ...post, title: ' ' } },
    ),
    step('no such post', 'bob', 'GET /posts/999999999', { status: 404, served: ['replica method'] }),
    step('a tampered cookie', 'mallory', 'GET /', { served: ['replica method'] }, { forges: 'ann' }),

    step('@UseMaster on a class, GET', 'bob', 'GET /moderation', {
      served: ['primary forced'],
      shows: postShown,
    }),
    step(
      '@UseSlave, POST',
      'bob',
      'POST /preview',
      { served: ['replica forced'], shows: postShown },
      { form: post },
    ),
    step('@UseSlave beats a pin', 'ann', 'POST /preview', { served: ['replica forced'] }, { form: post }),
    step(
      "'POST /search': 'replica'",
      'bob',
      'POST /search',
      { served: ['replica override'], shows: postShown },
      { form: { words: 'hello' } },
    ),
    step("'/stats/*': 'primary'", 'bob', 'GET /stats/authors', {
      served: ['primary override'],
      shows: 'ann',
    }),
    step("'PostsController.archive': 'primary'", 'bob', 'GET /archive', { served: ['primary override'] }),

    step('a GET that writes', 'dave', 'GET /visits', {
      served: ['replica method', 'primary write', 'primary own-write'],
      pins: true,
    }),
    step('and pins its visitor', 'dave', 'GET /', { served: ['primary pin'] }),
    step('the status, as JSON', 'bob', 'GET /status', { served: [], shows: '"primary": "primary"' }),

    step(
      'replicas lag by 3 s',
      'frank',
      'POST /lab/lag',
      { status: 303, served: [] },
      { form: { node: 'all', ms: '3000' }, settle: true },
    ),
    step(
      'a post is written',
      'grace',
      'POST /posts',
      { status: 303, served: ['primary method'], pins: true },
      { form: late },
    ),
    step('its writer sees it', 'grace', 'GET /', { served: ['primary pin'], shows: late.title }),
    step('others see the old page', 'heidi', 'GET /', {
      served: ['replica method'],
      shows: postShown,
      hides: late.title,
    }),
    step(
      'replicas lag no more',
      'frank',
      'POST /lab/lag',
      { status: 303, served: [] },
      { form: { node: 'all', ms: '0' } },
    ),
    step(
      'others see the new page',
      'heidi',
      'GET /',
      { served: ['replica method'], shows: late.title },
      { settle: true },
    ),

    step(
      'all replicas are killed',
      'frank',
      'POST /lab/kill',
      { status: 303, served: [] },
      { form: { node: 'all' } },
    ),
    step('the primary stands in', 'heidi', 'GET /', { served: ['primary no-replica'], shows: late.title }),
    step(
      'the replicas are restarted',
      'frank',
      'POST /lab/restart',
      { status: 303, served: [] },
      { form: { node: 'all' } },
    ),
    step(
      'and serve again',
      'heidi',
      'GET /',
      { served: ['replica method'], shows: late.title },
      { settle: true },
    ),
  ];
}
