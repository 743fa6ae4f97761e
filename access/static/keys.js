// Security keys on the sign-in pages: asks the server, asks the key, and sends what the key has signed.
// An element with data-key-use or data-key-add names the address to ask; data-key-send where the answer goes.

/** @param {string} address @param {string} csrf @param {unknown} body @returns {Promise<any>} */
async function post(address, csrf, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrf },
    body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.message || answer.statusText);
  return said;
}

/** @param {any} asked @returns {Promise<any>} what the server takes as the proof of an existing key */
async function use(asked) {
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(asked.key ?? asked);
  const signed = await navigator.credentials.get({ publicKey: options });
  return signed.toJSON();
}

/** @param {any} asked @returns {Promise<any>} what the server takes as a new key */
async function add(asked) {
  const options = PublicKeyCredential.parseCreationOptionsFromJSON(asked);
  const made = await navigator.credentials.create({ publicKey: options });
  return made.toJSON();
}

/** @param {HTMLElement} part */
function prepare(part) {
  const { keyUse, keyAdd, keySend, csrf, next, refused } = part.dataset;
  const [button, fault] = [part.querySelector("button"), part.querySelector(".fault")];
  part.hidden = false;
  button.addEventListener("click", async () => {
    fault.hidden = true;
    button.disabled = true;
    try {
      const credential = await (keyAdd ? add : use)(await post(keyAdd || keyUse, csrf, {}));
      const wrapped = keyAdd || keySend.startsWith("/reauth") ? { credential, next } : credential;
      const done = await post(keySend, csrf, wrapped);
      window.location.assign(done.next);
    } catch (error) {
      fault.textContent = error instanceof DOMException ? refused : error.message;
      fault.hidden = false;
      button.disabled = false;
    }
  });
}

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  document.querySelectorAll("[data-key-use], [data-key-add]").forEach(prepare);
}
