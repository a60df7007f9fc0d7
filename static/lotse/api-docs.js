// Swagger UI over our own schema; requests go out as the signed-in user.
const box = document.getElementById("swagger");
window.SwaggerUIBundle({
  url: box.dataset.schema,
  domNode: box,
  deepLinking: true,
  docExpansion: "none",
  validatorUrl: null,
  requestInterceptor: (request) => {
    request.headers["X-CSRFToken"] = document.querySelector("meta[name=csrf-token]").content;
    return request;
  },
});
