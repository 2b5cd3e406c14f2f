import { METHODS } from 'node:http';
import findMyWay from 'find-my-way';
import { ReplicationError } from './errors.js';
import { type RoleRule, type RoleRuleInput, toRoleRule } from './role.js';

/**
 * Routes that do not follow their HTTP method. Keys, the most specific first:
 * - `'PostsController.list'` or a route's name;
 * - `'POST /search'`: a method and a path;
 * - `'/reports/*'`, `'/posts/:id'`: a path under any method.
 */
export type Overrides = Readonly<Record<string, RoleRuleInput>>;

/** What is known of a route when its override is looked up. */
export interface RouteFacts {
  readonly method: string;
  /** The path as the client sent it; a query string is ignored. */
  readonly path: string;
  /** `Controller.method`, once it is known. */
  readonly view: string | undefined;
  /** The route's name, once it is known. */
  readonly route: string | undefined;
}

/** The compiled override map. */
export interface OverrideTable {
  /** The rule of the most specific key that fits, or undefined. */
  find(facts: RouteFacts): RoleRule | undefined;
  /** The rule that stands under a name. */
  named(name: string): RoleRule | undefined;
}

interface Entry {
  readonly key: string;
  readonly rule: RoleRule;
}

interface PathEntry extends Entry {
  readonly method: string;
  readonly path: string;
}

type Tree = ReturnType<typeof findMyWay>;

const anyMethod = '*';
const keyShape = /^(?:([A-Z-]+) +)?(\/[^\s?#()]*)$/;
const nameShape = /^[\w$.:-]+$/;
const methods: ReadonlySet<string> = new Set(METHODS);

/**
 * Compiles an override map, once. A look-up then costs one walk down a radix tree, however many keys there are.
 *
 * @throws ERR_OVERRIDE naming the key, when a pattern is bad or two keys say different things of one route;
 *   ERR_ROLE or ERR_OPTION when its value is bad
 */
export function compileOverrides(overrides: Overrides): OverrideTable {
  const names = new Map<string, RoleRule>();
  const paths = new Map<string, PathEntry>();
  for (const [key, value] of Object.entries(overrides)) {
    const rule = toRoleRule(value, `overrides['${key}']`);
    const match = keyShape.exec(key);
    if (match === null) {
      if (!nameShape.test(key)) throw badKey(key, 'it is neither a path, nor METHOD and path, nor a name');
      names.set(key, rule);
      continue;
    }
    const [, method = anyMethod, path = '/'] = match;
    if (method !== anyMethod && !methods.has(method))
      throw badKey(key, `there is no HTTP method '${method}'`);
    const slot = `${method} ${canonical(path)}`;
    const other = paths.get(slot);
    if (other === undefined) paths.set(slot, { key, rule, method, path: path.toLowerCase() });
    else if (!sameRule(other.rule, rule))
      throw badKey(key, `'${other.key}' says something else of the same route`);
  }
  return tableOf(names, plant([...paths.values()]));
}

function tableOf(names: ReadonlyMap<string, RoleRule>, trees: ReadonlyMap<string, Tree>): OverrideTable {
  const any = trees.get(anyMethod);
  const treeFor = (method: string): Tree | undefined =>
    trees.get(method) ?? (method === 'HEAD' ? trees.get('GET') : undefined) ?? any;
  return Object.freeze({
    named: (name: string): RoleRule | undefined => names.get(name),
    find({ method, path, view, route }: RouteFacts): RoleRule | undefined {
      const named =
        (view !== undefined ? names.get(view) : undefined) ??
        (route !== undefined ? names.get(route) : undefined);
      return named ?? (treeFor(method)?.find('GET', pathOf(path))?.store as RoleRule | undefined);
    },
  });
}

/** One tree for each method that some key names, which also holds the keys of any method; and one for the rest. */
function plant(entries: readonly PathEntry[]): ReadonlyMap<string, Tree> {
  const trees = new Map<string, Tree>();
  for (const method of new Set(entries.map((entry) => entry.method))) {
    const fitting = method === 'HEAD' ? ['HEAD', 'GET', anyMethod] : [method, anyMethod];
    const chosen = new Map<string, PathEntry>();
    for (const one of new Set(fitting))
      for (const entry of entries)
        if (entry.method === one && !chosen.has(canonical(entry.path)))
          chosen.set(canonical(entry.path), entry);
    const tree = newTree();
    for (const entry of chosen.values()) plantEntry(tree, entry);
    trees.set(method, tree);
  }
  return trees;
}

function newTree(): Tree {
  return findMyWay({ ignoreTrailingSlash: true, maxParamLength: 16_384 });
}

function plantEntry(tree: Tree, { key, path, rule }: PathEntry): void {
  try {
    tree.on('GET', path, () => undefined, rule);
  } catch (cause) {
    throw badKey(key, cause instanceof Error ? cause.message : 'the pattern is not understood', cause);
  }
}

/** A path without its query, in the case in which keys are planted. */
function pathOf(target: string): string {
  const end = target.search(/[?#]/);
  return (end < 0 ? target : target.slice(0, end)).toLowerCase();
}

/** Two paths are the same route when they differ only in the case of letters, names of parameters or a last slash. */
function canonical(path: string): string {
  const trimmed = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  return trimmed
    .split('/')
    .map((part) => part.toLowerCase().replace(/::|:\w+/g, (found) => (found === '::' ? found : ':')))
    .join('/');
}

function sameRule(a: RoleRule, b: RoleRule): boolean {
  return a.role === b.role && a.maxLagMs === b.maxLagMs && a.consistency === b.consistency;
}

function badKey(key: string, why: string, cause?: unknown): ReplicationError {
  return new ReplicationError('ERR_OVERRIDE', `overrides['${key}']: ${why}.`, { cause });
}
