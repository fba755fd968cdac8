// The program of the page, which is kept as small as its data; its hash allows it to run.
{
  const program = document.createElement("script");
  const letters = atob(document.getElementById("program").textContent);
  program.textContent = inflate(Uint8Array.from(letters, (letter) => letter.charCodeAt(0)));
  document.body.append(program);
  program.remove();
}
