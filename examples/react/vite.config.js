import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  resolve: { dedupe: ["react"] },
  server: { proxy: { "/records": { target: "http://127.0.0.1:8000", ws: true } } },
  test: { environment: "jsdom", server: { deps: { inline: ["orak-client"] } } },
});
