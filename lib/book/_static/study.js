// A link to a computing cell opens its folded code; without this script the link still leads to the cell.
function openCode() {
  const place = document.getElementById(location.hash.slice(1));
  if (place?.classList.contains("cell-anchor")) {
    place.parentElement.nextElementSibling?.querySelector("details.hide")?.setAttribute("open", "");
    place.scrollIntoView();
  }
}
addEventListener("hashchange", openCode);
openCode();
