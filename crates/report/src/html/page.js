'use strict';
(() => {
  document.documentElement.classList.add('js');
  const form = document.getElementById('filters');
  const all = [...document.querySelectorAll('#findings details')];
  // The file or suite of a cell that was clicked, beside the form's own filters.
  let place = { suite: '', file: '' };

  const texts = new Map();
  const textOf = (one) => {
    if (!texts.has(one)) texts.set(one, one.textContent.toLowerCase());
    return texts.get(one);
  };

  const filter = () => {
    const chosen = new FormData(form);
    const states = new Set(chosen.getAll('state'));
    const flavour = chosen.get('flavour');
    const kind = chosen.get('kind');
    const text = chosen.get('text').trim().toLowerCase();
    let number = 0;
    for (const one of all) {
      const of = one.dataset;
      const fits = states.has(of.state)
        && (!flavour || of.flavours.split(' ').includes(flavour))
        && (!kind || of.kinds.split(' ').includes(kind))
        && (!place.file || of.file.startsWith(place.file))
        && (!place.suite || of.suite === place.suite)
        && (!text || textOf(one).includes(text));
      one.hidden = !fits;
      number += fits;
    }
    const where = place.file || place.suite;
    form.querySelector('output').value =
      `${number} of ${all.length}${where ? ` in ${where}` : ''}`;
  };

  if (form) {
    form.hidden = false;
    form.addEventListener('input', filter);
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('reset', () => {
      place = { suite: '', file: '' };
      setTimeout(() => {
        for (const box of form.querySelectorAll('[name=state]')) box.checked = true;
        filter();
      });
    });
    filter();
  }

  for (const link of document.querySelectorAll('#matrix td a')) {
    link.addEventListener('click', (event) => {
      if (!form) return;
      event.preventDefault();
      const { suite, file, flavour } = link.closest('td').dataset;
      place = { suite, file };
      form.elements.flavour.value = flavour;
      filter();
      document.getElementById('findings').scrollIntoView();
      const first = all.find((one) => !one.hidden);
      if (first) first.open = true;
    });
  }

  for (const button of document.querySelectorAll('#matrix button')) {
    button.addEventListener('click', () => {
      const isOpen = button.closest('tbody').classList.toggle('open');
      button.setAttribute('aria-expanded', isOpen);
    });
  }

  const linked = () => {
    const one = document.getElementById(location.hash.slice(1));
    if (one && one.matches('#findings details')) {
      one.hidden = false;
      one.open = true;
      one.scrollIntoView();
    }
  };
  addEventListener('hashchange', linked);
  linked();

  // On paper there is nothing to click.
  let opened = [];
  addEventListener('beforeprint', () => {
    opened = all.filter((one) => !one.hidden && !one.open);
    for (const one of opened) one.open = true;
  });
  addEventListener('afterprint', () => {
    for (const one of opened) one.open = false;
  });
})();
