// The rules come from the table in tooling/src/Layers.ts; `pnpm generate` writes tooling/layers.json.
// No tsConfig option: it would resolve through paths and conditions of its own and pass in silence.
module.exports = {
  forbidden: require("./tooling/layers.json"),
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)dist/" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["@darkfiber/source", "import", "types", "default"],
      extensions: [".ts", ".js", ".cjs", ".mjs", ".json", ".d.ts"]
    }
  }
}
