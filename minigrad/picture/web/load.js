// The other scripts, small as the data are. A browser runs them only as those whose hash the head of the page allows.
document.body.append(Object.assign(document.createElement("script"), { textContent: inflated("script") }));
