// Lint rules; the ones of our own keep the principles of docs/architecture.md.
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

const bannedNames = /(^|\/)(utils?|common|helpers?|manager|misc)(\/|\.[^/]*$)/;

/** A file or folder is named for what it holds. */
const meaningfulFileNames = {
  meta: {
    type: 'suggestion',
    schema: [],
    messages: {
      banned: "'{{name}}' says nothing: name the file for the one thing in it",
      casing: "'{{name}}' is not snake_case",
      comment: 'open the file with one sentence that says what it is for',
    },
  },
  create(context) {
    return {
      Program(node) {
        const path = context.filename.slice(context.cwd.length + 1);
        const name = path.split('/').at(-1);
        if (bannedNames.test(path)) context.report({ node, messageId: 'banned', data: { name } });
        if (!/^[a-z0-9_.]+$/.test(name)) {
          context.report({ node, messageId: 'casing', data: { name } });
        }
        const [first] = context.sourceCode.getAllComments();
        const opening = context.sourceCode.text.startsWith('#!') ? 2 : 1;
        if (path.startsWith('test/')) return; // its titles say it
        if (!first || first.loc.start.line > opening) {
          context.report({ loc: { line: 1, column: 0 }, messageId: 'comment' });
        }
      },
    };
  },
};

export default tseslint.config(
  { ignores: ['dist/', 'build/', 'build-gyp/', '.tap/', 'node_modules/', 'runs/'] },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    plugins: { lorashear: { rules: { 'meaningful-file-names': meaningfulFileNames } } },
    rules: {
      'lorashear/meaningful-file-names': 'error',
      'max-lines': ['error', { max: 300 }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'export by name' },
        { selector: 'TSEnumDeclaration', message: 'use a union or a literal object' },
      ],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['**/native/load.js'],
              message: 'only lib/tensor, lib/checkpoint and lib/engine cross the native boundary',
            },
            { regex: '\\.node$', message: 'only lib/native/load.ts loads the addon' },
          ],
        },
      ],
      // A key of process.env or of parsed JSON in brackets shows that it may be missing.
      '@typescript-eslint/dot-notation': 'off',
      // Numbers in messages are the rule here.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // `a!` after a checked length reads better than a cast; noUncheckedIndexedAccess asks for it in inner loops.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        {
          argsIgnorePattern: '^_',
          varsIgnorePattern: '^_$',
          destructuredArrayIgnorePattern: '^_$',
        },
      ],
      // Interfaces here write their members as methods; destructuring those is safe, and classes are few.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['lib/native/**', 'lib/tensor/**', 'lib/checkpoint/**', 'lib/engine/**', 'test/**'],
    rules: { 'no-restricted-imports': 'off' },
  },
  {
    files: ['test/**', 'bench/**'],
    rules: {
      // tap's assertions return promises that tap itself awaits; property tests need loops over `any` JSON.
      '@typescript-eslint/no-floating-promises': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      globals: {
        ...{ process: 'readonly', console: 'readonly', URL: 'readonly', Buffer: 'readonly' },
        ...{ AbortController: 'readonly', setInterval: 'readonly', clearInterval: 'readonly' },
      },
    },
  },
);
