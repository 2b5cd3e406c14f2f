import { onPrimary, UsePrimary, view } from '@node-replicated/decorators';
import { describe, expect, test } from 'vitest';
import { place } from './fixtures/both/place.js';
import { inRequest } from './in-request.js';

interface Response {
  body: string;
}

class CrudController {
  readonly greeting = 'hello';

  inherited(): string {
    return place();
  }
}

class PostsController extends CrudController {
  readonly field = (): string => place();

  list(_request: object, response: Response): void {
    response.body = `${this.greeting}: ${place()}`;
  }
  async show(_request: object, _reply: object): Promise<string> {
    return `${this.greeting}: ${place()}`;
  }
  failed(_error: unknown, _request: object, _response: object, _next: object): void {}
  where(): string {
    return place();
  }
  forced(): string {
    return place();
  }
  static health(): string {
    return `${PostsController.name}: ${place()}`;
  }
}
Object.defineProperty(PostsController.prototype, 'forced', {
  value: onPrimary(PostsController.prototype.forced),
});

describe('a view', () => {
  const posts = new PostsController();

  test('is named by the class of the controller and the method', () => {
    expect(view(posts, 'list').name).toBe('PostsController.list');
    expect(view(posts, 'field').name).toBe('PostsController.field');
  });

  test('of an inherited method is named by the class of the instance', () => {
    expect(view(posts, 'inherited').name).toBe('PostsController.inherited');
    expect(view(new CrudController(), 'inherited').name).toBe('CrudController.inherited');
  });

  test('of a static method is named by its class', () => {
    expect(view(PostsController, 'health').name).toBe('PostsController.health');
    expect(view(PostsController, 'health')()).toBe('PostsController: primary, outside');
  });

  test('keeps the length, by which Express knows an error handler', () => {
    expect(view(posts, 'list').length).toBe(2);
    expect(view(posts, 'failed').length).toBe(4);
  });

  test('calls the method on its controller, as Express calls a handler', () => {
    const handler = view(posts, 'list');
    const response = { body: '' };
    inRequest('GET', () => handler({}, response));
    expect(response.body).toBe('hello: replica, method');
  });

  test('calls the method on its controller, as Fastify calls a handler', async () => {
    const handler = view(posts, 'show');
    const server = { greeting: 'not me' };
    const answer = await inRequest('GET', () => handler.call(server, {}, {}));
    expect(answer).toBe('hello: replica, method');
  });

  test('makes the override of its name apply', () => {
    const overrides = { 'PostsController.where': 'primary', 'CrudController.inherited': 'primary' } as const;
    inRequest(
      'GET',
      () => {
        expect(place()).toBe('replica, method');
        expect(view(posts, 'where')()).toBe('primary, override');
      },
      overrides,
    );
    expect(inRequest('GET', view(posts, 'inherited'), overrides)).toBe('replica, method');
  });

  test('leaves a method that forces a role to that role', () => {
    const overrides = { 'PostsController.forced': 'replica' } as const;
    expect(inRequest('GET', view(posts, 'forced'), overrides)).toBe('primary, forced');
  });

  test('can be wrapped, and then the wrapper beats the override', () => {
    const overrides = { 'PostsController.where': 'replica' } as const;
    const handler = onPrimary(view(posts, 'where'));
    expect(handler.name).toBe('PostsController.where');
    expect(inRequest('GET', handler, overrides)).toBe('primary, forced');
  });

  test('works outside any request', () => {
    expect(view(posts, 'where')()).toBe('primary, outside');
  });

  test('calls the method that the controller has at the time of the call', () => {
    const controller = new PostsController();
    const handler = view(controller, 'where');
    controller.where = () => 'replaced';
    expect(handler()).toBe('replaced');
  });

  test('passes on what the method throws', () => {
    const controller = new PostsController();
    const error = new Error('thrown');
    controller.where = () => {
      throw error;
    };
    expect(view(controller, 'where')).toThrow(error);
  });

  test('of a class that is decorated has its role', () => {
    class Decorated {
      list(): string {
        return place();
      }
    }
    UsePrimary()(Decorated);
    expect(inRequest('GET', view(new Decorated(), 'list'))).toBe('primary, forced');
  });
});
