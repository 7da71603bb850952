'use strict';
(() => {
  document.documentElement.classList.add('js');
  const form = document.getElementById('filters');
  const all = [...document.querySelectorAll('#findings details')];
  const classes = document.getElementById('classes');
  const rows = classes ? [...classes.tBodies[0].rows] : [];
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
    const database = chosen.get('database');
    const text = chosen.get('text').trim().toLowerCase();
    let number = 0;
    for (const one of all) {
      const of = one.dataset;
      const fits = states.has(of.state)
        && (!flavour || of.flavours.split(' ').includes(flavour))
        && (!kind || of.kinds.split(' ').includes(kind))
        && (!database || (of.databases ?? '').split('\n').includes(database))
        && (!place.file || of.file.startsWith(place.file))
        && (!place.suite || of.suite === place.suite)
        && (!text || textOf(one).includes(text));
      one.hidden = !fits;
      number += fits;
    }
    for (const row of rows) row.hidden = document.getElementById(row.dataset.finding).hidden;
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

  // Rows without a value are last in both directions; equal ones keep their order.
  const sortBy = (head) => {
    const isNumber = 'number' in head.dataset;
    const before = head.getAttribute('aria-sort');
    const isDown = before ? before === 'ascending' : 'down' in head.dataset;
    for (const other of head.parentElement.cells) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', isDown ? 'descending' : 'ascending');
    const valueOf = (row) => {
      const { dataset, textContent } = row.cells[head.cellIndex];
      if (isNumber) return dataset.value === undefined ? null : Number(dataset.value);
      return textContent === '-' ? null : textContent;
    };
    rows.sort((a, b) => {
      const [one, other] = [valueOf(a), valueOf(b)];
      if (one === null || other === null) return (one === null) - (other === null);
      const order = isNumber ? one - other : one.localeCompare(other);
      return isDown ? -order : order;
    });
    classes.tBodies[0].append(...rows);
  };
  for (const button of document.querySelectorAll('#classes th button')) {
    button.disabled = false;
    button.addEventListener('click', () => sortBy(button.parentElement));
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
