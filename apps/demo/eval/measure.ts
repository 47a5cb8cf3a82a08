/** Asks questions of documents the way the demo does, and judges the answers. */
import { makeOfflineLlm } from '@promethean/adapter-offline-llm';
import { makeSqliteContext } from '@promethean/adapter-sqlite-context';
import type { Message, ToolSpec } from '@promethean/pantheon-core';

/** A question with the file that answers it and the fact that the answer must hold. */
export interface Question {
  readonly question: string;
  /** A regular expression for the end of the file's path. */
  readonly file: string;
  /** A regular expression for the answer's text. */
  readonly fact: string;
}

/** How one question went. */
interface Verdict {
  readonly question: string;
  /** The right file is among the first three sources. */
  readonly found: boolean;
  /** The answer's text holds the fact. */
  readonly answered: boolean;
  readonly sources: readonly string[];
  readonly answer: string;
}

/** The verdicts on a folder, and what was asked: questions about files that are not there are left out. */
export interface Measurement {
  readonly files: number;
  readonly verdicts: readonly Verdict[];
}

const SEARCH: ToolSpec = {
  name: 'search_documents',
  description: 'Searches the documents for passages about a question.',
  parameters: { type: 'object', properties: { query: { type: 'string' } }, required: ['query'] },
};

const sourcesOf = ({ metadata }: Message): readonly string[] => {
  const sources = metadata?.['sources'];
  return Array.isArray(sources)
    ? sources.map((source) => (source as { readonly file: string }).file)
    : [];
};

/** Asks all questions of the documents below `root`. */
export const measure = async (
  root: string,
  questions: readonly Question[],
  ignore: readonly string[] = [],
): Promise<Measurement> => {
  const llm = makeOfflineLlm();
  const context = makeSqliteContext({ sources: { docs: { kind: 'documents', root, ignore } } });
  try {
    const { files } = await context.index();
    const paths = (await context.documents({ limit: 1_000_000 })).map(({ file }) => file);

    const ask = async (question: string): Promise<Message> => {
      const messages: Message[] = [{ role: 'user', content: question }];
      for (;;) {
        const answer = await llm.complete({ messages, tools: [SEARCH] });
        if (answer.toolCalls === undefined) return answer;
        messages.push(answer);
        for (const call of answer.toolCalls) {
          const hits = await context.search(String(call.args['query']));
          const content = JSON.stringify(
            hits.map(({ file, line, heading, text }) => ({ file, line, heading, text })),
          );
          messages.push({ role: 'tool', name: call.name, toolCallId: call.id, content });
        }
      }
    };

    const verdicts: Verdict[] = [];
    for (const { question, file, fact } of questions) {
      const isRight = (path: string): boolean => new RegExp(`(?:^|/)(?:${file})$`).test(path);
      if (!paths.some(isRight)) continue;
      const answer = await ask(question);
      const sources = sourcesOf(answer);
      const text = answer.content.split('\n\nSources:\n')[0]!;
      verdicts.push({
        question,
        sources,
        answer: text,
        found: sources.slice(0, 3).some(isRight),
        answered: new RegExp(fact).test(text),
      });
    }
    return { files, verdicts };
  } finally {
    await context.close();
  }
};
