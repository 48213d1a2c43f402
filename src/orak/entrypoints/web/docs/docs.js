// Swagger UI showing the OpenAPI document. It sends no requests elsewhere: no validator, fonts or CDN.
SwaggerUIBundle({
  url: new URL("../../openapi.json", document.currentScript.src).pathname, // below the path of a proxy, too
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false, // keeps the token out of local storage
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
