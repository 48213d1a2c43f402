// Swagger UI on orak's own document. It asks nobody else for anything: no validator, no fonts, no CDN.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false, // a token has no business in local storage
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
