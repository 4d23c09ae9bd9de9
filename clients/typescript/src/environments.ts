import type { DeploymentRead, EnvironmentRead, PromotionCreate, PromotionRead } from "./generated.js";
import { newKey, type Transport } from "./transport.js";

export type Environment = "development" | "staging" | "production";

/** The version that a promotion activates; default: the active one of the environment before. */
export interface PromotionOptions {
  /** The environment whose active version is promoted. */
  source?: Environment;
  /** ID or number of a version instead. */
  deployment?: string;
}

/** Reads and changes the active versions of the environments of a skillpack. A key of development or staging can change
 *  only its own environment. */
export class Environments {
  private readonly path: string;

  constructor(
    private readonly transport: Transport,
    skillpack: string | undefined,
  ) {
    this.path = skillpack ? `/v1/skillpacks/${encodeURIComponent(skillpack)}/environments` : "/v1/environments";
  }

  /** Return the environments, each with its active and its previous version. */
  async list(): Promise<EnvironmentRead[]> {
    return await this.transport.json("GET", this.path);
  }

  /** Return what a promotion to the environment would change, and the state of its checks. */
  async review(environment: Environment, options: PromotionOptions = {}): Promise<PromotionRead> {
    return await this.transport.json("GET", `${this.path}/${environment}/promotion`, { query: { ...options } });
  }

  /**
   * Make the version of another environment the active one of this environment, and return it. `version` is the one that
   * you have reviewed; another one is not promoted. With `force`, an admin skips the eval gates of production.
   */
  async promote(
    environment: Environment,
    options: PromotionOptions & Pick<PromotionCreate, "version"> & { force?: boolean } = {},
  ): Promise<DeploymentRead> {
    const { force, ...body } = options;
    return await this.activate(`${environment}/promotion`, { query: { force }, body });
  }

  /** Activate the version again that was active in the environment before, and return it. */
  async rollBack(environment: Environment, options: { force?: boolean } = {}): Promise<DeploymentRead> {
    return await this.activate(`${environment}/rollback`, { query: { ...options } });
  }

  private async activate(action: string, parts: { query: Record<string, unknown>; body?: unknown }): Promise<DeploymentRead> {
    return await this.transport.json("POST", `${this.path}/${action}`, { ...parts, idempotencyKey: newKey() });
  }
}
