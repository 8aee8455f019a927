/* global SwaggerUIBundle */
SwaggerUIBundle({ url: "/api", dom_id: "#swagger", deepLinking: true, validatorUrl: null });
