#!/usr/bin/env bash
# Writes notion_schemas.json.gz anew: what Notion's own TypeScript client sends and gets, as JSON
# Schemas. Needs Node 20 and npm. The client is MIT licensed, see notion_schemas.LICENSE.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent @notionhq/client@5.26.0 ts-json-schema-generator@2 typescript@5
echo 'export * from "@notionhq/client/build/src/api-endpoints";' > in.ts
echo '{"compilerOptions": {"strict": true, "moduleResolution": "node"}, "files": ["in.ts"]}' > tsconfig.json
npx ts-json-schema-generator -p in.ts -f tsconfig.json --no-type-check -t '*' --minify -o schemas.json
gzip -9nc schemas.json > "$here/notion_schemas.json.gz"
cp node_modules/@notionhq/client/LICENSE "$here/notion_schemas.LICENSE"
