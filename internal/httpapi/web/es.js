// @ts-check
// The page in Spanish. Texts stand under the file that has them first; a text that depends
// on a number has two forms, for one and for others. {Names} and <1>elements</1> stay.
//
// Words: bill = conocimiento, bill of lading = conocimiento de embarque, line = línea, carton = caja,
// piece = pieza, cube = cubicaje, order row = fila de pedidos, order export = archivo de pedidos,
// sheet = hoja de carga, pallet = tarima, near miss = coincidencia parcial, finding = observación,
// amendment = corrección, window = ventana, session = sesión, profile = perfil, form = formato.

/** @type {Record<string, string | string[]>} */
export const dictionary = {
  // format.js: figures and their units.
  Cartons: "Cajas",
  Pieces: "Piezas",
  Weight: "Peso",
  Cube: "Cubicaje",
  Volume: "Volumen",
  lb: "lb",
  "cu ft": "ft³",

  // Numbers of things, which plural() writes.
  "{n} bill": ["{n} conocimiento", "{n} conocimientos"],
  "{n} attempt": ["{n} intento", "{n} intentos"],
  "{n} event": ["{n} aviso", "{n} avisos"],
  "{n} date": ["{n} fecha", "{n} fechas"],
  "{n} document": ["{n} documento", "{n} documentos"],
  "{n} file": ["{n} archivo", "{n} archivos"],
  "{n} group": ["{n} grupo", "{n} grupos"],
  "{n} line": ["{n} línea", "{n} líneas"],
  "{n} more file": ["{n} archivo más", "{n} archivos más"],
  "{n} page": ["{n} página", "{n} páginas"],
  "{n} pallet": ["{n} tarima", "{n} tarimas"],
  "{n} row": ["{n} fila", "{n} filas"],
  "{n} second": ["{n} segundo", "{n} segundos"],
  "{n} thing": ["{n} cosa", "{n} cosas"],

  // index.html
  Tallyman: "Tallyman",
  "Skip to the results": "Ir a los resultados",
  Session: "Sesión",
  "Connecting …": "Conectando …",
  Profile: "Perfil",
  "Start over": "Empezar de nuevo",
  "Sign out": "Cerrar sesión",
  "Appearance: as the system": "Apariencia: como el sistema",
  "Begin a fresh session": "Iniciar una sesión nueva",
  "Sign in": "Entrar",
  Key: "Clave",
  "The key stays in this tab and is forgotten when it is closed.":
    "La clave queda en esta pestaña y se olvida al cerrarla.",
  "Bills of lading": "Conocimientos de embarque",
  "Details of bills of lading": "Detalles de los conocimientos de embarque",
  "Drop PDFs, scans or photos here.": "Suelte aquí PDF, escaneos o fotos.",
  "Choose PDFs or pictures": "Elegir PDF o imágenes",
  "Take a photo": "Tomar una foto",
  "Pages of one document": "Páginas de un documento",
  "Drag a picture, or use its arrows, to put the pages in order.":
    "Arrastre una imagen, o use sus flechas, para ordenar las páginas.",
  "Read {pages}": "Leer {pages}",
  "{pages} to read": "{pages} por leer",
  "Add pictures": "Añadir imágenes",
  "The pictures were discarded.": "Se descartaron las imágenes.",
  "Move page {n} up": "Subir la página {n}",
  "Move page {n} down": "Bajar la página {n}",
  "Remove page {n}": "Quitar la página {n}",
  "Page {n} is now page {to} of {all}.": "La página {n} es ahora la página {to} de {all}.",
  "Yes, it is {text}": "Sí, es {text}",
  "No, correct it": "No, corregirlo",
  "It is {text}": "Es {text}",
  "It is {text} now.": "Ahora es {text}.",
  "One reader": "Un lector",
  "The other reader": "El otro lector",
  Chosen: "Elegido",
  nothing: "nada",
  "or {other}": "o {other}",
  "{text} on the picture": "{text} en la imagen",
  "{text} was confirmed.": "Se confirmó {text}.",
  Confirmed: "Confirmado",
  confirmed: "confirmado",
  "Order export": "Archivo de pedidos",
  "Details of order export": "Detalles del archivo de pedidos",
  "CSV or Excel. It fills in ship-to, dates and pallets.": "CSV o Excel. Completa destino, fechas y tarimas.",
  "Choose a file": "Elegir un archivo",
  "Load sheet": "Hoja de carga",
  "One row for every carton line, ready to download as soon as the bills are read.":
    "Una fila por cada línea de cajas, lista para descargar en cuanto se lean los conocimientos.",
  Results: "Resultados",
  "Nothing to show yet": "Todavía no hay nada que mostrar",
  ["Upload the bills first. Then the lines of each bill are compared here with the totals printed on it. " +
    "What does not add up or cannot be read is marked on a picture of its page."]:
    "Suba primero los conocimientos. Aquí se comparan las líneas de cada uno con sus totales impresos. Lo que no " +
    "cuadra o no se puede leer se marca sobre una imagen de su página.",
  "Try a sample": "Probar con un ejemplo",
  "Try a sample with mistakes": "Probar con un ejemplo con errores",
  "12 bills of invented companies. Nothing leaves this server. <1>How it works</1>":
    "12 conocimientos de empresas inventadas. Nada sale de este servidor. <1>Cómo funciona</1>",
  "Shortcuts (?)": "Atajos (?)",
  Help: "Ayuda",
  "For programs": "Para programas",
  "Drop to upload: PDFs and pictures are bills, CSV and Excel files are orders":
    "Suelte para subir: los PDF y las imágenes son conocimientos; los CSV y Excel, pedidos",
  Shortcuts: "Atajos",
  Close: "Cerrar",
  "Help and glossary": "Ayuda y glosario",
  "What your house does its own way. Every setting is explained; a line that is left out has its default.":
    "Lo que su empresa hace a su manera. Cada ajuste está explicado; una línea que falta toma su valor normal.",
  "Settings as TOML": "Ajustes en TOML",

  "Other shipments": "Otros embarques",
  ["Whoever runs this server has given you a key: a line of letters and digits that begins with " +
    "<1>tmk_</1>. Paste it here. If you have none, ask for one."]:
    "Quien opera este servidor le dio una clave: una línea de letras y cifras que empieza con <1>tmk_</1>. " +
    "Péguela aquí. Si no tiene ninguna, pídala.",
  "<1></1> Remember me on this computer": "<1></1> Recordarme en esta computadora",
  ["The key is kept in this browser until you sign out. Whoever uses this browser can then use the server " +
    "as you: do this on a computer of your own only."]:
    "La clave se guarda en este navegador hasta que usted cierre la sesión. Quien use este navegador puede " +
    "entonces usar el servidor como usted: hágalo solo en una computadora propia.",

  // help.html
  ["<1>Check what is listed.</1> A click on a finding shows its place on the page, where wrong values are " +
    "corrected. Tick it off with a note once you have seen to it. The state at the top says how many are " +
    "left."]:
    "<1>Revise lo que está en la lista.</1> Un clic en una observación muestra su lugar en la página, donde " +
    "se corrigen los valores equivocados. Márquela con una nota cuando la haya atendido. El estado de arriba " +
    "dice cuántas faltan.",
  "All 5 checked": "Revisado: 5",
  "Somebody has seen to everything that was to be checked.": "Alguien atendió todo lo que había que revisar.",
  "Reading 40 of 86": "Leyendo 40 de 86",
  "Files are being sent and read, page by page.": "Se están enviando y leyendo archivos, página por página.",
  "Several shipments": "Varios embarques",
  ["Each shipment has its own files, and they never mix. <1>Shipments</1> lists those of this browser, or " +
    "of your key: open one, rename it, or begin another beside it. Single files are added and taken away in " +
    "the first two steps."]:
    "Cada embarque tiene sus propios archivos, y nunca se mezclan. <1>Embarques</1> enumera los de este " +
    "navegador, o los de su clave: abra uno, cámbiele el nombre o empiece otro al lado. En los dos primeros " +
    "pasos se agregan y se quitan archivos sueltos.",
  Finding: "Observación",
  "Something that a person should look at. The list, the workbook and the report to print have the same ones.":
    "Algo que una persona debe ver. La lista, el libro y el informe para imprimir tienen las mismas.",
  Amendment: "Corrección",
  ["What a person adds to what was read: a corrected value, a line, a pair, a filled-in cell, a tick. What " +
    "was read stays visible beside it, and each can be undone."]:
    "Lo que una persona agrega a lo que se leyó: un valor corregido, una línea, una pareja, una celda " +
    "completada, una marca. Lo que se leyó queda visible al lado, y cada una se puede deshacer.",
  "Tallyman: help": "Tallyman: ayuda",
  "Back to the page": "Volver a la página",
  "A shipment in four steps": "Un embarque en cuatro pasos",
  ["<1>Drop the bills.</1> One PDF or several, anywhere on the page. Their lines are added up and compared " +
    "with the totals printed on them."]:
    "<1>Suelte los conocimientos.</1> Uno o varios PDF, en cualquier parte de la página. Sus líneas se suman y se " +
    "comparan con los totales impresos.",
  ["<1>Drop the order export.</1> CSV or Excel. Its rows are joined with the lines; ship-to, dates and " +
    "pallets come from it. If it comes first, it waits for the bills."]:
    "<1>Suelte el archivo de pedidos.</1> CSV o Excel. Sus filas se unen con las líneas; de él vienen destino, " +
    "fechas y tarimas. Si llega primero, espera a los conocimientos.",
  "<1>Download the sheet.</1> Excel has the findings on a tab of its own, and marks their rows.":
    "<1>Descargue la hoja.</1> Excel lleva las observaciones en una pestaña propia y marca sus filas.",
  "What the top of the page says": "Lo que dice la parte de arriba",
  Ready: "Listo",
  "Every bill adds up, and every line has its order.": "Todo cuadra, y cada línea tiene su pedido.",
  "Bills read, orders missing": "Conocimientos leídos, faltan los pedidos",
  "Every bill adds up. The order export is still to come.":
    "Todo cuadra. Falta el archivo de pedidos.",
  "Check 5": "Revisar 5",
  "Five things need somebody’s eye. Red: one of them is an error.":
    "Cinco cosas necesitan que alguien las vea. En rojo: una de ellas es un error.",
  "Wrong orders?": "¿Pedidos equivocados?",
  "So few rows of the export match the bills that it seems to be another shipment’s.":
    "Coinciden tan pocas filas con los conocimientos que el archivo parece de otro embarque.",
  "When a bill is not proved": "Cuando un conocimiento no está comprobado",
  ["A bill of a form that is not known is read by its headings, and counts only if its own totals prove it. " +
    "If they do not, press <1>Show the columns</1>: say what each column is, and which row is the total. The " +
    "form is remembered, and the next document of that form reads by itself. <2>Profile</2> lists the forms " +
    "that were learnt."]:
    "Un conocimiento de un formato desconocido se lee por sus encabezados, y solo cuenta si sus propios totales lo " +
    "comprueban. Si no, pulse <1>Mostrar las columnas</1>: diga qué es cada columna y qué fila es el total. El " +
    "formato se recuerda, y el siguiente documento igual se lee solo. <2>Perfil</2> enumera los formatos aprendidos.",
  Words: "Palabras",
  Bill: "Conocimiento",
  "One bill of lading (BOL), named by its number, on one or more pages. Orders call the number the invoice number.":
    "Un conocimiento de embarque (BOL), con su número, en una o más páginas. Los pedidos llaman a ese número " +
    "Invoice No.",
  Line: "Línea",
  "One row of a bill’s table: the cartons of one style.":
    "Una fila de la tabla de un conocimiento: las cajas de un estilo.",
  "Carton, piece": "Caja, pieza",
  "A shipping box, and a unit in it that is sold.": "Una caja de envío, y una unidad de venta dentro de ella.",
  "The volume of a bill, in cubic feet.": "El volumen de un conocimiento, en pies cúbicos.",
  "Order row": "Fila de pedidos",
  "One row of the order export.": "Una fila del archivo de pedidos.",
  "Near miss": "Coincidencia parcial",
  "A line and an order row of the same bill and style, with other quantities. Nothing of the order is filled in.":
    "Una línea y una fila de pedidos del mismo conocimiento y estilo, con otras cantidades. No se completa nada del " +
    "pedido.",
  "Adds up": "Cuadra",
  "The lines of a bill give the totals that are printed on it.":
    "Las líneas de un conocimiento dan los totales impresos en él.",
  "Not checked": "Sin comprobar",
  "The bill prints no totals to compare with.": "El conocimiento no trae totales con que comparar.",
  "Not proved": "No comprobado",
  ["The form is not known, and nothing shows that it was read right. The lines stay out of downloads until " +
    "somebody vouches for them."]:
    "El formato no se conoce, y nada muestra que se leyó bien. Las líneas no entran en las descargas hasta que " +
    "alguien responda por ellas.",
  Pallet: "Tarima",
  "A place on the floor: the cube over 80, rounded up.":
    "Un lugar en el piso: el cubicaje entre 80, redondeado hacia arriba.",
  Window: "Ventana",
  "The days from start to cancel date in which a retailer takes a shipment.":
    "Los días entre la fecha de inicio y la de cancelación en que la tienda recibe el embarque.",
  "The place of one shipment. It is removed some time after its last use; nobody else sees it.":
    "El lugar de un embarque. Se elimina un tiempo después de su último uso; nadie más lo ve.",
  "What your house does its own way: names of columns, rules of pallets, learnt forms.":
    "Lo que su empresa hace a su manera: nombres de columnas, reglas de tarimas, formatos aprendidos.",
  Keys: "Teclas",
  "What you can do": "Lo que usted puede hacer",
  "Correct a value": "Corregir un valor",
  ["Open a line or a finding, press <1>e</1> or <2>Values</2>, and type. The sums change while you type."]:
    "Abra una línea o una observación, pulse <1>e</1> o <2>Valores</2> y escriba. Las sumas cambian mientras " +
    "escribe.",
  "Add or remove a line": "Agregar o quitar una línea",
  "<1>Add a line</1> is over the values of the bill; the cross at a line says that it is none.":
    "<1>Agregar una línea</1> está sobre los valores del conocimiento; la cruz junto a una línea dice que no lo es.",
  "Take photos of pages": "Fotografiar páginas",
  ["On a phone <1>Take a photo</1> adds one page after the other; elsewhere choose or drop several pictures. " +
    "Put them in order, and press <2>Read</2>: they are one document."]:
    "En un teléfono, <1>Tomar una foto</1> añade una página tras otra; en otros equipos, elija o suelte varias " +
    "imágenes. Póngalas en orden y pulse <2>Leer</2>: son un documento.",
  "Confirm what is doubtful": "Confirmar lo dudoso",
  ["Open a doubtful reading, compare it with the picture, and tap <1>Yes, it is …</1> if it is right. " +
    "The next one follows."]:
    "Abra una lectura dudosa, compárela con la imagen y toque <1>Sí, es …</1> si es correcta. Después viene la " +
    "siguiente.",
  "Accept a bill": "Aceptar un conocimiento",
  "If nothing proves a bill, compare its lines with the page and press <1>Accept the bill</1>.":
    "Si nada comprueba un conocimiento, compare sus líneas con la página y pulse <1>Aceptar el conocimiento</1>.",
  "Pair a line with an order": "Unir una línea con un pedido",
  "On <1>Matching</1>: <2>Accept</2> takes a near miss, <3>Pair</3> has you choose both parts.":
    "En <1>Pedidos y líneas</1>: <2>Aceptar</2> toma una coincidencia parcial; con <3>Unir</3> elige ambas partes.",
  "Fill in a column": "Rellenar una columna",
  "On <1>Sheet</1>: type in a column that is empty, or fill it for a bill, a ship-to or a ship window.":
    "En <1>Hoja</1>: escriba en una columna vacía, o rellénela para un conocimiento, un destino o una ventana.",
  "Every change has its <1>Undo</1>; the changes of a bill are listed under its values.":
    "Cada cambio tiene su <1>Deshacer</1>; los de un conocimiento se enumeran bajo sus valores.",
  "Page Up, Page Down": "Re Pág, Av Pág",
  Delete: "Supr",
  Enter: "Intro",
  "a guess: compare the values": "una suposición: compare los valores",
  "{n} on pages": "{n} en páginas",
  "{i} of {n} on pages": "{i} de {n} en páginas",

  // app.js
  "Fresh session": "Sesión nueva",
  "Check {n}": "Revisar {n}",
  "All {n} checked": "Revisado: {n}",
  "session “{name}”": "sesión “{name}”",
  "expires at {time}": "vence a las {time}",
  "Session ended": "Sesión terminada",
  "Not signed in": "Sin entrar",
  "Not connected": "Sin conexión",
  Dismiss: "Cerrar el aviso",
  "This session has expired": "Esta sesión venció",
  "It was not used for too long, so its bills, orders and sheet were removed. Begin a fresh session to go on.":
    "No se usó durante demasiado tiempo, y sus conocimientos, pedidos y hoja se eliminaron. Inicie una " +
    "sesión nueva para seguir.",
  "This session was cleared": "Esta sesión se vació",
  "Another tab or program ended it, and its bills, orders and sheet were removed. Begin a fresh session to go on.":
    "Otra pestaña u otro programa la terminó, y sus conocimientos, pedidos y hoja se eliminaron. Inicie una " +
    "sesión nueva para seguir.",
  "This session has ended": "Esta sesión terminó",
  ["It has expired, or was cleared elsewhere; its bills, orders and sheet were removed. Begin a fresh " +
    "session to go on."]:
    "Venció, o se vació en otro lugar; sus conocimientos, pedidos y hoja se eliminaron. Inicie una sesión " +
    "nueva para seguir.",
  "No session can begin": "No se puede iniciar ninguna sesión",
  ["The browser did not keep the cookie that names it. Allow cookies for this address and try again. Inside " +
    "the page of another site this works only if the server is reached by HTTPS; otherwise open it in a tab " +
    "of its own."]:
    "El navegador no guardó la cookie que la identifica. Permita las cookies de esta dirección e inténtelo " +
    "de nuevo. Dentro de la página de otro sitio solo funciona si se llega al servidor por HTTPS; si no, " +
    "ábrala en una pestaña propia.",
  "The page could not be loaded completely; the server may have been updated.":
    "La página no se pudo cargar por completo; tal vez se actualizó el servidor.",
  "Load it again": "Cargarla de nuevo",
  "Every bill adds up and every line has its order.": "Cada conocimiento cuadra y cada línea tiene su pedido.",
  "Every bill adds up. Add the order export for ship-to, dates and pallets.":
    "Cada conocimiento cuadra. Agregue el archivo de pedidos para tener destino, fechas y tarimas.",
  "All {n} findings are checked": "Las {n} observaciones están revisadas",
  "{things} to check": "{things} por revisar",
  ["The form “{name}” was learnt, and the bills were read again by it. Its totals prove this document; " +
    "other documents of this form are now read by themselves."]:
    "Se aprendió el formato “{name}” y los conocimientos se leyeron de nuevo con él. Sus totales comprueban " +
    "este documento; otros documentos de este formato se leen ahora solos.",
  ["The form “{name}” was learnt, and the bills were read again by it. Nothing proves this document yet, so " +
    "its lines stay out of downloads until you accept them."]:
    "Se aprendió el formato “{name}” y los conocimientos se leyeron de nuevo con él. Nada comprueba todavía " +
    "este documento, y sus líneas no entran en las descargas hasta que usted las acepte.",
  "{problem} The page tries again in {seconds}.": "{problem} La página lo intenta de nuevo en {seconds}.",
  "Try now": "Intentar ahora",
  "The session was started over in another tab or program. You see the fresh one.":
    "La sesión se empezó de nuevo en otra pestaña u otro programa. Usted ve la nueva.",
  "This session expires at {time}; its files are removed then.":
    "Esta sesión vence a las {time}; entonces se eliminan sus archivos.",
  "Keep it": "Conservarla",
  "A fresh session has begun.": "Comenzó una sesión nueva.",
  "Start over?": "¿Empezar de nuevo?",
  ["The bills, orders and sheet of this session are removed, and a clean one begins. Downloads that you saved stay."]:
    "Se eliminan los conocimientos, los pedidos y la hoja de esta sesión, y comienza una limpia. Las " +
    "descargas que guardó se quedan.",
  "Keep working": "Seguir trabajando",
  "Appearance: light": "Apariencia: clara",
  "Appearance: dark": "Apariencia: oscura",

  // check.js
  "The bill adds up to the totals printed on it, and every row was read.":
    "El conocimiento cuadra con sus totales impresos, y se leyó cada fila.",
  "All {n} bills add up to the totals printed on them, and every row was read.":
    "Los {n} conocimientos cuadran con sus totales impresos, y se leyó cada fila.",
  "For information": "Para su información",
  "For information ({n})": "Para su información ({n})",
  "To check": "Por revisar",
  "{done} of {all} checked": "{done} de {all} revisadas",
  "Group the list": "Agrupar la lista",
  "By bill": "Por conocimiento",
  "By cause": "Por causa",
  "Report as PDF": "Informe en PDF",
  "As web page": "Como página web",
  "Click a finding to see its place. Tick it off once you have seen to it; a note says what you found.":
    "Haga clic en una observación para ver su lugar. Márquela cuando la haya atendido; una nota dice qué encontró.",
  "The whole shipment": "Todo el embarque",
  "Bill {number}": "Conocimiento {number}",
  "Bill without number": "Conocimiento sin número",
  "Tick off all {n}": "Marcar las {n}",
  "Checked: {what}; take the tick back": "Revisado: {what}; quitar la marca",
  "Tick off: {what}, {where}": "Marcar: {what}, {where}",
  somebody: "alguien",
  "Checked by {who}, {when}": "Revisado por {who}, {when}",
  "Checked by {who}": "Revisado por {who}",
  Note: "Nota",
  "Note, if there is something to say": "Nota, si hay algo que decir",
  "Tick off": "Marcar",
  Cancel: "Cancelar",
  "Tick off {n} findings?": "¿Marcar {n} observaciones?",
  "A note says for all of them what you found.": "Una nota dice para todas qué encontró.",
  "Ticked off. {left} to check.": "Marcado. {left} por revisar.",
  "Ticked off. Everything is checked.": "Marcado. Todo está revisado.",
  "The tick was taken back.": "Se quitó la marca.",

  // dom.js
  "Show {n} more of {all}": "Mostrar {n} más de {all}",

  // issues.js
  "Line {n} of bill {number}": "Línea {n} del conocimiento {number}",
  "without number": "sin número",
  "style {style}": "estilo {style}",
  carton: ["caja", "cajas"],
  piece: ["pieza", "piezas"],

  // load.js
  "Show its rows in the sheet": "Mostrar sus filas en la hoja",
  "No order": "Sin pedido",
  "No load yet": "Todavía no hay carga",
  "Ship-to, pallets and cancel dates come with the order export. Add it in step 2.":
    "Destino, tarimas y fechas de cancelación vienen con el archivo de pedidos. Agréguelo en el paso 2.",
  "{n} others": "otros {n}",
  "No date": "Sin fecha",
  "Pallets by ship-to": "Tarimas por destino",
  "Ship to": "Destino",
  Pallets: "Tarimas",
  "{n} floor positions in all. A bill’s cube over 80, rounded up.":
    "{n} lugares en el piso en total. El cubicaje de un conocimiento entre 80, redondeado hacia arriba.",
  "Bar chart: pallets by ship-to, {n} in all; most for {name}. The figures follow as a table.":
    "Gráfica de barras: tarimas por destino, {n} en total; la mayoría para {name}. Las cifras siguen en una tabla.",
  "Cube by ship-to": "Cubicaje por destino",
  "Cubic feet": "Pies cúbicos",
  "{cube} cubic feet in all, as printed on the bills.":
    "{cube} pies cúbicos en total, como están impresos en los conocimientos.",
  "Bar chart: cubic feet by ship-to, {cube} in all. The figures follow as a table.":
    "Gráfica de barras: pies cúbicos por destino, {cube} en total. Las cifras siguen en una tabla.",
  "Cartons by cancel date": "Cajas por fecha de cancelación",
  "Cancel date": "Fecha de cancelación",
  "Every carton has a cancel date.": "Cada caja tiene fecha de cancelación.",
  "Bar chart: cartons by cancel date, {dates}. The figures follow as a table.":
    "Gráfica de barras: cajas por fecha de cancelación, {dates}. Las cifras siguen en una tabla.",
  Figures: "Cifras",
  "{n} more carton has no cancel date.": [
    "{n} caja más no tiene fecha de cancelación.",
    "{n} cajas más no tienen fecha de cancelación.",
  ],

  // mapping.js
  "What do the columns of {file} mean?": "¿Qué significan las columnas de {file}?",
  "no values": "sin valores",
  unclear: "dudosa",
  ["Its orders are not read yet: some columns have names that are not known here. Say what each one means; " +
    "columns that do not matter stay unread."]:
    "Sus pedidos todavía no se leen: algunas columnas tienen nombres que aquí no se conocen. Diga qué " +
    "significa cada una; las que no importan quedan sin leer.",
  "Columns of the order export": "Columnas del archivo de pedidos",
  Column: "Columna",
  "First values": "Primeros valores",
  Means: "Significa",
  "Remember and read": "Recordar y leer",
  "Use once": "Usar una vez",
  "Remembered names are kept in your profile, for every later order export.":
    "Los nombres recordados quedan en su perfil, para los siguientes archivos de pedidos.",
  "Some columns of {file} are not known. Say what they mean.":
    "Algunas columnas de {file} no se conocen. Diga qué significan.",
  "{column} (needed)": "{column} (necesaria)",
  "{column} means": "{column} significa",
  "Not read": "No se lee",
  "Still needed: {columns}.": "Todavía falta: {columns}.",
  "Two columns cannot both be the {column}.": "Dos columnas no pueden ser ambas {column}.",
  "Every needed column is there.": "Están todas las columnas necesarias.",
  "The columns were used once.": "Las columnas se usaron una vez.",
  "{n} column remembered in your profile.": [
    "{n} columna recordada en su perfil.",
    "{n} columnas recordadas en su perfil.",
  ],

  // profile.js
  "{file} is larger than 64 KB; a profile is a small part of that.":
    "{file} tiene más de 64 KB; un perfil es mucho menor.",
  "{file} is in the editor. It counts once it is saved.": "{file} está en el editor. Cuenta cuando se guarde.",
  "The bills that are here keep the profile with which they were read.":
    "Los conocimientos que están aquí conservan el perfil con que se leyeron.",
  "Read them again by the new one": "Leerlos de nuevo con el nuevo",
  "Learnt forms": "Formatos aprendidos",
  Save: "Guardar",
  "Load a file": "Cargar un archivo",
  Download: "Descargar",
  "proved by no document yet": "ningún documento lo comprueba todavía",
  "proved by {documents}, trusted": "comprobado por {documents}, de confianza",
  "proved by {documents}": "comprobado por {documents}",
  "Rename {name}": "Cambiar el nombre de {name}",
  Rename: "Cambiar nombre",
  "Forget {name}": "Olvidar {name}",
  Forget: "Olvidar",
  "New name of {name}": "Nombre nuevo de {name}",
  "Forget “{name}”?": "¿Olvidar “{name}”?",
  "Documents of this form are no longer read by it. Bills that are here stay as they were read.":
    "Los documentos de este formato ya no se leen con él. Los conocimientos que están aquí quedan como se leyeron.",
  Keep: "Conservar",
  "Save the settings first, or close the profile without: both change the same file.":
    "Guarde primero los ajustes, o cierre el perfil sin guardar: ambos cambian el mismo archivo.",
  "Saved. Bills that are uploaded from now on follow it.":
    "Guardado. Los conocimientos que se suban desde ahora lo siguen.",
  "Line {n}: {reason}.": "Línea {n}: {reason}.",
  ["Somebody else saved the profile meanwhile. Nothing was overwritten: copy what you changed, and load the newest."]:
    "Alguien más guardó el perfil mientras tanto. Nada se sobrescribió: copie lo que cambió y cargue el más nuevo.",
  "Load the newest": "Cargar el más nuevo",
  "This is the newest profile.": "Este es el perfil más nuevo.",
  "{bills} read again by the new profile.": "{bills} leídos de nuevo con el perfil nuevo.",

  // save.js
  "Saved as {name}.": "Guardado como {name}.",

  // session.js
  "The server did not answer. Check that it runs and that you are connected, and try again.":
    "El servidor no respondió. Compruebe que esté en marcha y que usted tenga conexión, e inténtelo de nuevo.",

  // shipments.js
  "New shipment": "Embarque nuevo",
  "Orders joined": "Pedidos unidos",
  "Show more": "Mostrar más",
  Shipments: "Embarques",
  "Begin another": "Empezar otro",
  "The sessions of your key, whichever computer they were begun on.":
    "Las sesiones de su clave, en cualquier computadora que se hayan empezado.",
  "What was begun in this browser. Each has its own files; they never mix.":
    "Lo que se empezó en este navegador. Cada uno tiene sus archivos; nunca se mezclan.",
  "There are none yet.": "Todavía no hay ninguno.",
  "open in this tab": "abierto en esta pestaña",
  "used {ago}": "usado {ago}",
  "ended, its files were removed": "terminado, sus archivos se eliminaron",
  "Last download: {name}": "Última descarga: {name}",
  "Leave {name} out of the list": "Quitar {name} de la lista",
  "Leave out": "Quitar",
  Name: "Nombre",
  "The last download of it was {name}, {ago}.": "Su última descarga fue {name}, {ago}.",

  // shortcuts.js
  "correct the values": "corregir los valores",
  "the same value of another line, while it is corrected": "el mismo valor de otra línea, mientras se corrige",
  "Shift and arrows": "Mayús y flechas",
  "select cells; Ctrl A all of them": "elegir celdas; Ctrl A, todas",
  "copy cells, and paste them into columns without a source": "copiar celdas, y pegarlas en columnas sin origen",
  "fill down the first of the selected cells": "rellenar hacia abajo la primera de las celdas elegidas",
  "undo what was done in this tab": "deshacer lo hecho en esta pestaña",
  Everywhere: "En todas partes",
  "this list": "esta lista",
  "close what is open": "cerrar lo que está abierto",
  "another tab, while a tab has the focus": "otra pestaña, mientras una tiene el foco",
  "open a bill, a finding, a line": "abrir un conocimiento, una observación, una línea",
  Space: "Espacio",
  "tick a finding off, or take the tick back": "marcar una observación, o quitar la marca",
  "Picture of a page": "Imagen de una página",
  "next, previous finding": "observación siguiente, anterior",
  "next, previous page": "página siguiente, anterior",
  zoom: "acercar, alejar",
  "fit the width": "ajustar al ancho",
  "fit the page": "ajustar a la página",
  "width of the picture, while the divider has the focus": "ancho de la imagen, mientras el divisor tiene el foco",
  Arrows: "Flechas",
  "move the selection; with Ctrl Home and End to the corners":
    "mover la selección; con Ctrl Inicio y Fin, a las esquinas",
  "show the line on its page": "mostrar la línea en su página",
  "sort, on a heading": "ordenar, en un encabezado",
  "Teaching a form": "Enseñar un formato",
  "move an edge; with Shift farther": "mover un borde; con Mayús, más lejos",
  "the same by 20 points": "lo mismo, 20 puntos",
  "add an edge to the right": "agregar un borde a la derecha",
  "remove the edge": "quitar el borde",

  // steps.js
  "{what} was read.": "Se leyó {what}.",
  "There is an order export already": "Ya hay un archivo de pedidos",
  "Add {files} to what is here ({what}), or replace it?":
    "¿Agregar {files} a lo que está aquí ({what}), o reemplazarlo?",
  "Not uploaded yet: {files}": "Todavía sin subir: {files}",
  "Upload {files}": "Subir {files}",
  "Remove {name}?": "¿Quitar {name}?",
  "Its bills leave the sheet. Everything else stays.": "Sus conocimientos salen de la hoja. Todo lo demás se queda.",
  "What it filled in leaves the sheet. Everything else stays.":
    "Lo que completó sale de la hoja. Todo lo demás se queda.",
  "{name} was removed.": "Se quitó {name}.",
  "Remove {name}": "Quitar {name}",
  "An upload from another tab or program failed.": "Falló una subida desde otra pestaña u otro programa.",
  "{files} was not uploaded: another upload is under way. Drop or choose it again afterwards.":
    "{files} no se subió: hay otra subida en curso. Suéltelo o elíjalo de nuevo después.",
  "Replacing removes the order export, too; adding keeps it.":
    "Reemplazar elimina también el archivo de pedidos; agregar lo conserva.",
  "There are bills already": "Ya hay conocimientos",
  Add: "Agregar",
  Replace: "Reemplazar",
  "{files} was not uploaded, since the bills that came with it were not read.":
    "{files} no se subió, porque los conocimientos que venían con él no se leyeron.",
  "{name} is kept in this tab, and is uploaded as soon as the bills are read.":
    "{name} se guarda en esta pestaña y se sube en cuanto se lean los conocimientos.",
  Remove: "Quitar",
  "{n} of {rows} matched": "{n} de {rows} con su línea",
  "The sheet was saved as {name}.": "La hoja se guardó como {name}.",
  "They are in the list above the bills, and on the tab “To check” of the Excel file.":
    "Están en la lista sobre los conocimientos, y en la pestaña “To check” del archivo de Excel.",
  "Look at them": "Verlas",
  "Download anyway": "Descargar de todos modos",
  Progress: "Avance",
  "and {files}": "y {files}",
  "Waiting for the first page": "Esperando la primera página",
  "Reading {what}": "Leyendo {what}",
  "Joining rows with lines": "Uniendo filas con líneas",
  "Sending {what}": "Enviando {what}",
  Sending: "Enviando",
  "{part} of {all}": "{part} de {all}",
  "Sending {n} %": "Enviando {n} %",
  Sent: "Enviado",
  "Sent {what}": "Enviado {what}",
  "All {all} sent; waiting for the server to read them": "Todo enviado ({all}); esperando que el servidor lo lea",
  "The upload will be tried again in {seconds}": "La subida se intentará de nuevo en {seconds}",
  Waiting: "Esperando",
  "The server is busy": "El servidor está ocupado",
  "Cancelled. What was here before is unchanged.": "Cancelado. Lo que había antes no cambió.",
  "No column of {file} is known as: {columns}. Say below what its columns mean.":
    "Ninguna columna de {file} se conoce como: {columns}. Diga abajo qué significan sus columnas.",
  "Try again": "Intentar de nuevo",
  "Upload only {files}": "Subir solo {files}",
  "Being uploaded from another tab or program": "Se está subiendo desde otra pestaña u otro programa",
  Read: "Leído",
  "Joining orders": "Uniendo pedidos",
  "Reading {n} of {total}": "Leyendo {n} de {total}",
  "Reading, {pages}": "Leyendo, {pages}",
  Reading: "Leyendo",
  "Found so far: {what}": "Encontrado hasta ahora: {what}",
  "not in the sheet": "fuera de la hoja",
  reconciled: "cuadran",
  mismatched: "no cuadran",
  unchecked: "sin comprobar",
  "not proved": "no comprobados",
  "Add or replace": "Agregar o reemplazar",
  matched: "con su línea",
  "lines without order": "líneas sin pedido",
  "orders without line": "pedidos sin línea",
  Joined: "Unido",
  "Bills only": "Solo conocimientos",
  "Download {format}": "Descargar {format}",
  "I compared them: also download {lines} that nothing proves":
    "Las comparé: descargar también {lines} que nada comprueba",
  "eBOL drafts": "Borradores eBOL",
  "Download with {n} thing unchecked?": [
    "¿Descargar con {n} cosa sin revisar?", "¿Descargar con {n} cosas sin revisar?",
  ],
  bill: ["conocimiento", "conocimientos"],
  page: ["página", "páginas"],
  line: ["línea", "líneas"],
  row: ["fila", "filas"],
  "near miss": ["coincidencia parcial", "coincidencias parciales"],
  pallet: ["tarima", "tarimas"],

  // teach.js
  "this is the total": "este es el total",
  "no line": "no es línea",
  "the table ends above": "la tabla termina arriba",
  "adds up": "es la suma",
  "is the largest": "es el mayor",
  "counts the lines": "cuenta las líneas",
  "is not printed": "no está impreso",
  "Where the rows begin": "Dónde empiezan las filas",
  "Page with its columns": "Página con sus columnas",
  "Remove edge": "Quitar borde",
  ["Say what each column is. Drag the edges, or move them with the arrow keys. A click on the page, or + on " +
    "an edge, adds one; Delete removes it. Put the blue line between the headings and the first row."]:
    "Diga qué es cada columna. Arrastre los bordes, o muévalos con las flechas. Un clic en la página, o + en " +
    "un borde, agrega uno; Supr lo quita. Ponga la línea azul entre los encabezados y la primera fila.",
  Columns: "Columnas",
  Page: "Página",
  "Add edge": "Agregar borde",
  "Zoom out": "Alejar",
  "Zoom in": "Acercar",
  Proof: "Comprobación",
  "Name of the form": "Nombre del formato",
  Rows: "Filas",
  "Show us the columns of {file}": "Muéstrenos las columnas de {file}",
  "Page {n}": "Página {n}",
  "Edge {n} of {all}": "Borde {n} de {all}",
  "Column {n}": "Columna {n}",
  "not a column": "no es columna",
  "Unit of column {n}": "Unidad de la columna {n}",
  "unit?": "¿unidad?",
  "no column": "ninguna columna",
  "{n} points, between {left} and {right}": "{n} puntos, entre {left} y {right}",
  "{n} points from the top": "{n} puntos desde arriba",
  "Zoom {n} %": "Aumento {n} %",
  "Edge {n} of {all} was added": "Se agregó el borde {n} de {all}",
  "The edge was removed": "Se quitó el borde",
  "If one of the rows is the total, say so below.": "Si una de las filas es el total, dígalo abajo.",
  "Proved: the printed totals show that this is read right.":
    "Comprobado: los totales impresos muestran que se leyó bien.",
  "Does not add up": "No cuadra",
  "Not proved yet": "Todavía no comprobado",
  "The total of {field}": "El total de {field}",
  "Row {n}: {text}": "Fila {n}: {text}",
  "without text": "sin texto",
  "Give the form a name, by which you find it in the profile.":
    "Dé un nombre al formato, para encontrarlo en el perfil.",
  "Leave without saving?": "¿Salir sin guardar?",
  "The columns that you showed are forgotten.": "Se olvidan las columnas que mostró.",
  Stay: "Quedarse",
  Leave: "Salir",
  ["No table was found on this page. Click on the page at the edges of the columns, say what each column " +
    "is, and put the blue line under the headings."]:
    "No se encontró ninguna tabla en esta página. Haga clic en los bordes de las columnas, diga qué es cada " +
    "una y ponga la línea azul bajo los encabezados.",
  Differs: "Difiere",
  "Not printed": "No impreso",

  // views.js
  Sheet: "Hoja",
  Bills: "Conocimientos",
  Matching: "Pedidos y líneas",
  Routing: "Rutas",
  Load: "Carga",
  "to check": "por revisar",
  "without partner": "sin pareja",
  group: ["grupo", "grupos"],

  // grid.js
  "All rows": "Todas las filas",
  "Near misses": "Coincidencias parciales",
  Amended: "Corregidas",
  "CSV of these rows": "CSV de estas filas",
  ["Click a heading to sort. Arrow keys move the selection, with Shift they extend it. In a column without a " +
    "source type a value, or paste cells from Excel; Ctrl D fills down, Ctrl Z undoes. Enter, a double click or a " +
    "click on the row number shows the line on its page."]:
    "Haga clic en un encabezado para ordenar. Las flechas mueven la selección; con Mayús la amplían. En una " +
    "columna sin origen escriba un valor o pegue celdas de Excel; Ctrl D rellena hacia abajo, Ctrl Z deshace. " +
    "Intro, doble clic o un clic en el número de fila muestra la línea en su página.",
  "Any cell": "Cualquier celda",
  None: "Ninguno",
  "Order of the file": "Orden del archivo",
  "Show all lines again": "Mostrar todas las líneas",
  "Each bill counts once": "Cada conocimiento cuenta una vez",
  "Sums of {rows}: {what}.": "Sumas de {rows}: {what}.",
  "Saving …": "Guardando …",
  "sum {n}": "suma {n}",
  "In the order of the file": "En el orden del archivo",
  "Sorted by {name}, descending": "Ordenado por {name}, descendente",
  "Sorted by {name}, ascending": "Ordenado por {name}, ascendente",
  "The sheet changed meanwhile. Look at it again and repeat the download.":
    "La hoja cambió mientras tanto. Revísela y repita la descarga.",
  "Show {n} empty column": ["Mostrar {n} columna vacía", "Mostrar {n} columnas vacías"],
  "{n} cell copied": ["{n} celda copiada", "{n} celdas copiadas"],
  "{n} row was saved as {name}.": ["Se guardó {n} fila como {name}.", "Se guardaron {n} filas como {name}."],

  // inspect.js
  "Previous finding": "Observación anterior",
  "Next finding": "Observación siguiente",
  "Previous page": "Página anterior",
  "Next page": "Página siguiente",
  "Fit the width": "Ajustar al ancho",
  "Fit the page": "Ajustar a la página",
  "Width of the picture": "Ancho de la imagen",
  "Picture of the page": "Imagen de la página",
  Picture: "Imagen",
  "This is settled: nothing of it is left to check.": "Resuelto: ya no queda nada por revisar aquí.",
  "The place of the new line is marked.": "El lugar de la línea nueva está marcado.",
  "Nothing to check": "Nada por revisar",
  "{n} to check": "{n} por revisar",
  "{sum}, printed {printed}": "{sum}, impreso {printed}",
  ", adds up": ", cuadra",
  "Bill {name}:": "Conocimiento {name}:",
  "Page {n} of {all}": "Página {n} de {all}",
  "Drawing the page …": "Dibujando la página …",
  "{page} of the bills": "{page} de los conocimientos",
  "Close without saving?": "¿Cerrar sin guardar?",
  "What you typed into the values of the bill is not saved.":
    "Lo que escribió en los valores del conocimiento no está guardado.",
  "Go on correcting": "Seguir corrigiendo",
  "this place": "este lugar",
  "value being corrected": "valor que se corrige",
  "other findings": "otras observaciones",
  "lines read": "líneas leídas",

  // bills.js
  "Row {n} of {name}": "Fila {n} de {name}",
  "All bills": "Todos",
  "Do not add up": "No cuadran",
  "Add up": "Cuadran",
  "Consigned to": "Consignado a",
  "Weight lb": "Peso lb",
  "Cube cu ft": "Cubicaje ft³",
  Verdict: "Resultado",
  "Bill, consignee or style": "Número, destino o estilo",
  Find: "Buscar",
  "This is a bill of lading, but its table could not be proved: show us the columns.":
    "Es un conocimiento de embarque, pero su tabla no se pudo comprobar: muéstrenos las columnas.",
  "Show us the columns, and it is read.": "Muéstrenos las columnas y se leerá.",
  "A document that is not proved": "Un documento sin comprobar",
  "Show the columns": "Mostrar las columnas",
  "{some} of {all}": "{some} de {all}",
  "No bill matches. Change the search or the filter.":
    "Ningún conocimiento coincide. Cambie la búsqueda o el filtro.",
  "No number": "Sin número",
  To: "Para",
  "Order no.": "N.º de pedido",
  Store: "Tienda",
  "Shipped via": "Enviado por",
  "Start and cancel": "Inicio y cancelación",
  Terms: "Condiciones",
  Instructions: "Instrucciones",
  Notes: "Notas",
  "{name} printed: {text}; show it on the page": "{name}, impreso: {text}; mostrarlo en la página",
  "{name} of bill {number}": "{name} del conocimiento {number}",
  "Printed: {text}": "Impreso: {text}",
  "not printed": "no impreso",
  Total: "Total",
  Printed: "Impreso",
  "Off by": "Diferencia",
  Totals: "Totales",
  "Show line {n} on the page": "Mostrar la línea {n} en la página",
  "Row {n}": "Fila {n}",
  Order: "Pedido",
  "Lines of bill {number}": "Líneas del conocimiento {number}",
  Style: "Estilo",
  "Cust. style": "Estilo del cliente",
  Description: "Descripción",
  "does not add up": "no cuadra",
  "not printed, not compared": "no impreso, no comparado",
  "not readable, not compared": "ilegible, no comparado",
  "compared, which proves nothing here": "comparado, lo que aquí no comprueba nada",
  "A sum may differ by half the last printed digit of each line.":
    "Una suma puede diferir en medio dígito impreso por línea.",
  "{name}, page {n}": "{name}, página {n}",
  "{name} printed": "{name}, impreso",
  ", differs": ", difiere",
  order: "pedido",
  Row: "Fila",

  // matching.js
  "No orders yet": "Aún no hay pedidos",
  ["Add the order export in step 2. Each carton line is then joined with the order row of the same bill, style, " +
    "cartons and pieces. Lines and order rows without a partner are listed here."]:
    "Añada el archivo de pedidos en el paso 2. Cada línea se une entonces con la fila de pedidos del mismo " +
    "conocimiento, estilo, cajas y piezas. Aquí se listan las líneas y filas sin pareja.",
  "Same bill and style, other quantities. Nothing of these is filled into the sheet.":
    "Mismo conocimiento y estilo, otras cantidades. Nada de esto se pone en la hoja.",
  "Lines without order": "Líneas sin pedido",
  "These lines are in the sheet without ship-to and dates.": "Estas líneas están en la hoja sin destino ni fechas.",
  "Orders without line": "Pedidos sin línea",
  "These order rows are in no bill of the document.":
    "Estas filas de pedidos no están en ningún conocimiento del documento.",
  Matched: "Emparejadas",
  "Line and order row agree in bill, style, cartons and pieces, or somebody paired them.":
    "Línea y fila coinciden en conocimiento, estilo, cajas y piezas, o alguien las emparejó.",
  "({n} a near miss)": ["({n} coincidencia parcial)", "({n} coincidencias parciales)"],
  "What to list": "Qué listar",
  "There are none.": "No hay ninguna.",
  "Bill {bill}, style {style}: show it on {page}": "Conocimiento {bill}, estilo {style}: mostrarlo en {page}",
  "On the bill": "En el conocimiento",
  "In the orders": "En los pedidos",
  "Likely cause": "Causa probable",
  "{what}, bill": "{what}, conocimiento",
  "Accept: bill {bill}, style {style} belongs to order row {row}":
    "Aceptar: el conocimiento {bill}, estilo {style} corresponde a la fila {row}",
  "The bill adds up, and the pieces agree: they were probably packed in other cartons.":
    "El conocimiento cuadra y las piezas coinciden: probablemente se empacaron en otras cajas.",
  "The bill adds up: the order was probably shipped in part.":
    "El conocimiento cuadra: quizá el pedido se envió en parte.",
  "The bill does not add up: a figure may be misread.": "El conocimiento no cuadra: puede haber una cifra mal leída.",
  "The bill prints no totals that would prove its figures.":
    "El conocimiento no imprime totales que comprueben sus cifras.",
  "Bill {bill}, style {style} is paired with order row {row}.":
    "El conocimiento {bill}, estilo {style} está emparejado con la fila {row}.",
  "Bill {bill}, style {style} was taken apart from its order row.":
    "El conocimiento {bill}, estilo {style} se separó de su fila.",
  "Pair them": "Emparejar",
  "Pair by hand": "Emparejar a mano",
  "Back to the list": "Volver a la lista",
  "Choose a line and its order row, or drag one onto the other. The likeliest come first.":
    "Elija una línea y su fila de pedidos, o arrastre una sobre la otra. Las más probables van primero.",
  "Choose a line and its order row. The likeliest come first.":
    "Elija una línea y su fila de pedidos. Las más probables van primero.",
  "Nothing similar: all are of other bills and other styles.":
    "Nada parecido: todas son de otros conocimientos y otros estilos.",
  "Now choose its order row.": "Ahora elija su fila de pedidos.",
  "Now choose its line.": "Ahora elija su línea.",
  "They differ: {what}.": "Difieren: {what}.",
  "All four values are the same.": "Los cuatro valores son iguales.",
  "Taken apart: {who}": "Separada: {who}",
  "Near miss: an order has other quantities": "Coincidencia parcial: un pedido tiene otras cantidades",
  "No order row of this bill and style is left": "No queda fila de pedidos de este conocimiento y estilo",
  "The orders are probably those of another shipment": "Los pedidos son probablemente de otro envío",
  "The order export has no row of this bill": "El archivo de pedidos no tiene filas de este conocimiento",
  Why: "Causa",
  "Pair bill {bill}, style {style}": "Emparejar conocimiento {bill}, estilo {style}",
  "Pair …": "Emparejar …",
  "Near miss: the bill has other quantities": "Coincidencia parcial: el conocimiento tiene otras cantidades",
  "A page of the bill is missing; the line may be on it: {what}":
    "Falta una página del conocimiento; la línea puede estar en ella: {what}",
  "A row of the bill was not read; it may be this one": "No se leyó una fila del conocimiento; puede ser esta",
  "No line of this style is left on the bill": "No queda línea de este estilo en el conocimiento",
  "The document has no such bill": "El documento no tiene ese conocimiento",
  "Row not read": "Fila no leída",
  "Show it": "Mostrarla",
  "Pair order row {number}": "Emparejar la fila {number}",
  "Purchase order": "Orden de compra",
  "paired: {who}": "emparejada: {who}",
  "Unpair bill {bill}, style {style}": "Separar conocimiento {bill}, estilo {style}",
  Unpair: "Separar",
  "By hand": "A mano",
  Orders: "Pedidos",

  // routing.js
  "{n} by groups, {m} bill by bill": "{n} por grupos, {m} por conocimiento",
  "Pallets are those of a group's cube, figures the printed totals. Click a bar to see its lines in the sheet.":
    "Las tarimas son del cubicaje del grupo, las cifras los totales impresos. Clic en una barra para ver sus líneas.",
  "Without the order export there are no ship-tos and windows.":
    "Sin el archivo de pedidos no hay destinos ni ventanas.",
  "{pallets}: show the lines of {name}": "{pallets}: mostrar las líneas de {name}",
  "The sheet shows the lines of {name}": "La hoja muestra las líneas de {name}",
  "The routing was saved as {name}.": "El ruteo se guardó como {name}.",

  // amend.js
  ["Your change was not made: somebody else ({name}) amended the sheet a moment ago. You see the newest now; " +
    "repeat your change if it is still needed."]:
    "Su cambio no se hizo: otra persona ({name}) corrigió la hoja hace un momento. Ahora ve lo más nuevo; " +
    "repita su cambio si aún hace falta.",
  "without name": "sin nombre",
  "Undone.": "Deshecho.",
  "There is nothing to undo in this tab.": "No hay nada que deshacer en esta pestaña.",
  Undo: "Deshacer",
  "Your name, please": "Su nombre, por favor",
  "It is noted with each change that you make in this browser, so that others know whom to ask.":
    "Se anota con cada cambio que haga en este navegador, para que otros sepan a quién preguntar.",
  Continue: "Continuar",
  Accepted: "Aceptado",
  "Accepted by {who}": "Aceptado por {who}",
  Lines: "Líneas",
  Show: "Mostrar",
  Date: "Fecha",
  Number: "Número",
  amended: "corregido",
  added: "agregada",
  new: "nueva",
  All: "Todos",

  // columns.js
  ["Invoice No. and Style stay in sight. The choice holds for this browser; downloads have the columns of the " +
    "profile."]:
    "Invoice No. y Style quedan a la vista. La elección vale para este navegador; las descargas tienen las " +
    "columnas del perfil.",
  "Show these": "Mostrar estas",
  Reset: "Restablecer",
  "Use them for downloads, too": "Usarlas también en descargas",
  "Move {name} up": "Subir {name}",
  "Move {name} down": "Bajar {name}",
  "{name} is column {n} of {all}": "{name} es la columna {n} de {all}",
  "The profile does not list the columns of the sheet. Open it and add them.":
    "El perfil no lista las columnas de la hoja. Ábralo y añádalas.",
  "Saved in the profile. Bills that are uploaded from now on follow it.":
    "Guardado en el perfil. Vale para los conocimientos que se suban desde ahora.",

  // correct.js
  "Order number": "Número de pedido",
  "Dept.": "Depto.",
  Vendor: "Proveedor",
  "Sales person": "Vendedor",
  Reference: "Referencia",
  "F.O.B.": "F.O.B.",
  "Control no.": "N.º de control",
  Zone: "Zona",
  "Customer code": "Código del cliente",
  Shipper: "Remitente",
  "Shipper's address": "Dirección del remitente",
  Consignee: "Destinatario",
  Office: "Oficina",
  Warehouse: "Almacén",
  Corrected: "Corregido",
  "Line added": "Línea agregada",
  "Line removed": "Línea quitada",
  "Bill accepted": "Conocimiento aceptado",
  "Paired by hand": "Emparejado a mano",
  "Taken apart": "Separado",
  "Filled in": "Rellenado",
  Discard: "Descartar",
  "Accept the bill …": "Aceptar el conocimiento …",
  "Add a line": "Añadir una línea",
  "Values of the bill": "Valores del conocimiento",
  accepted: "aceptado",
  "Fields of the bill": "Campos del conocimiento",
  empty: "vacío",
  "was {read}": "era {read}",
  "{name} of line {n}": "{name} de la línea {n}",
  "Line {n} is not a line: remove it": "La línea {n} no es una línea: quitarla",
  "This is not a line": "No es una línea",
  "Lines and totals of the bill": "Líneas y totales del conocimiento",
  Sum: "Suma",
  "{name} of the new line": "{name} de la línea nueva",
  "Do not add this line": "No agregar esta línea",
  "without effect: {why}": "sin efecto: {why}",
  "Undo: {what}": "Deshacer: {what}",
  "Does not add up: {what}": "No cuadra: {what}",
  "Nothing to compare": "Nada que comparar",
  "If saved: {what}": "Si se guarda: {what}",
  "A new line. Type its values.": "Una línea nueva. Escriba sus valores.",
  "A new line. Type its values; drag over its row on the picture to say where it is.":
    "Una línea nueva. Escriba sus valores; arrastre sobre su fila en la imagen para indicar dónde está.",
  "“{text}” is not a number. Write it like 1,234.5.": "«{text}» no es un número. Escríbalo como 1,234.5.",
  "{what}: {n} missing": "{what}: faltan {n}",
  "{what}: {n} too many": "{what}: sobran {n}",
  "The lines have less than the bill prints.": "Las líneas tienen menos de lo que imprime el conocimiento.",
  "The lines have more than the bill prints.": "Las líneas tienen más de lo que imprime el conocimiento.",
  "The new line is empty.": "La línea nueva está vacía.",
  "Line {n} of bill {bill} was removed.": "Se quitó la línea {n} del conocimiento {bill}.",
  "Accept bill {number}?": "¿Aceptar el conocimiento {number}?",
  ["Nothing proves that it was read right: {why}. Accept it once you have compared its lines with the page. Its " +
    "lines are then in the sheet and in downloads."]:
    "Nada comprueba que se leyó bien: {why}. Acéptelo cuando haya comparado sus líneas con la página. Entonces " +
    "sus líneas estarán en la hoja y en las descargas.",
  "it prints no totals": "no imprime totales",
  Accept: "Aceptar",
  "Bill {number} was accepted.": "Se aceptó el conocimiento {number}.",
  "{n} change": ["{n} cambio", "{n} cambios"],
  "Save {n} change": ["Guardar {n} cambio", "Guardar {n} cambios"],
  "{n} change of bill {bill} was saved.": [
    "Se guardó {n} cambio del conocimiento {bill}.",
    "Se guardaron {n} cambios del conocimiento {bill}.",
  ],
  Down: "Hacia abajo",
  Fill: "Rellenar",
  Values: "Valores",
  "totals of the bill": "totales del conocimiento",
  "by hand": "a mano",

  // fill.js
  "Fills the selected cells below with the first (Ctrl D)": "Rellena las celdas elegidas con la primera (Ctrl D)",
  "Fills all rows of this bill with the value": "Rellena todas las filas de este conocimiento con el valor",
  "Ship-to": "Destino",
  "Fills all rows of this ship-to with the value": "Rellena todas las filas de este destino con el valor",
  "Fills all rows of this ship window with the value":
    "Rellena todas las filas de esta ventana de envío con el valor",
  "Ship-to and window": "Destino y ventana",
  "Fills all rows of this ship-to in this ship window with the value":
    "Rellena todas las filas de este destino en esta ventana de envío con el valor",
  "Fill in": "Rellenar",
  "Choose a tinted cell to fill it in.": "Elija una celda sombreada para completarla.",
  "No row has all of this: {what}": "Ninguna fila tiene todo esto: {what}",
  "Show all rows": "Mostrar todas las filas",
  "Show the empty columns to fill them in.": "Muestre las columnas vacías para rellenarlas.",
  "This column has a source. Correct its values on the page of the bill.":
    "Esta columna tiene origen. Corrija sus valores en la página del conocimiento.",
  "{column}, row {n}": "{column}, fila {n}",
  "Select cells of a column without a source, the first with the value.":
    "Elija celdas de una columna sin origen, la primera con el valor.",
  "This row has no ship-to: it has no order.": "Esta fila no tiene destino: no tiene pedido.",
  "This row has no ship window: it has no order.": "Esta fila no tiene ventana de envío: no tiene pedido.",
  "{column} is “{value}” in bill {bill}": "{column} es «{value}» en el conocimiento {bill}",
  "{column} is “{value}” for {ship}": "{column} es «{value}» para {ship}",
  "{column} is “{value}” in this ship window": "{column} es «{value}» en esta ventana de envío",
  "{column} is “{value}” for {ship} in this ship window":
    "{column} es «{value}» para {ship} en esta ventana de envío",
  "Not pasted: {what}.": "No se pegó: {what}.",
  "Nothing was pasted.": "No se pegó nada.",
  "The cells have these values already.": "Las celdas ya tienen estos valores.",
  "{n} cell was emptied.": ["Se vació {n} celda.", "Se vaciaron {n} celdas."],
  "{n} cell was filled in.": ["Se rellenó {n} celda.", "Se rellenaron {n} celdas."],
  "{n} cell in columns with a source ({columns})": [
    "{n} celda en columnas con origen ({columns})",
    "{n} celdas en columnas con origen ({columns})",
  ],
  "{n} cell beyond what is shown": ["{n} celda fuera de lo mostrado", "{n} celdas fuera de lo mostrado"],
  "{n} text that is too long": ["{n} texto demasiado largo", "{n} textos demasiado largos"],
  "{n} cell was pasted.": ["Se pegó {n} celda.", "Se pegaron {n} celdas."],
  "no order": "sin pedido",
  "{n} cell": ["{n} celda", "{n} celdas"],

  // webhooks.js
  ["Addresses to which events of your shipments go, signed. They name files and count bills and findings; " +
    "nothing of a document is in them."]:
    "Direcciones a las que van, firmados, los avisos de sus embarques. Nombran archivos y cuentan conocimientos y " +
    "observaciones; no llevan nada de un documento.",
  Webhooks: "Webhooks",
  "Being sent": "Enviándose",
  Delivered: "Entregado",
  "Given up": "Abandonado",
  "A sheet is ready": "Una hoja está lista",
  "An upload failed": "Falló una carga",
  "A sheet was changed": "Se cambió una hoja",
  "A job is done": "Un trabajo terminó",
  "A job failed": "Falló un trabajo",
  Test: "Prueba",
  Deliveries: "Entregas",
  "Last deliveries": "Últimas entregas",
  State: "Estado",
  Events: "Avisos",
  "Add a webhook": "Añadir un webhook",
  Address: "Dirección",
  On: "Activo",
  Off: "Apagado",
  "The secret before signs as well until {time}.": "El secreto anterior también firma hasta las {time}.",
  "Send a test": "Enviar una prueba",
  "Send a test to {name}": "Enviar una prueba a {name}",
  "New secret": "Secreto nuevo",
  "New secret for {name}": "Secreto nuevo para {name}",
  "Switch off": "Apagar",
  "Switch on": "Activar",
  "Switch off: {name}": "Apagar: {name}",
  "Switch on: {name}": "Activar: {name}",
  "Send again what was given up": "Reenviar lo abandonado",
  "Send again what was given up for {name}": "Reenviar lo abandonado de {name}",
  "The secret of this webhook. Copy it now: it is not shown again.":
    "El secreto de este webhook. Cópielo ahora: no se muestra otra vez.",
  "A test is on its way.": "Una prueba está en camino.",
  "A new secret for “{name}”?": "¿Un secreto nuevo para «{name}»?",
  "For 24 hours events are signed with both. Give the receiver the new one in that time.":
    "Durante 24 horas los avisos se firman con ambos. Dé el nuevo al receptor en ese tiempo.",
  "Remove “{name}”?": "¿Quitar «{name}»?",
  "Events no longer go there, and what is still to be sent is not sent.":
    "Los avisos ya no van allí, y lo que falta por enviar no se envía.",
  "{events} sent again.": "{events} se envían otra vez.",
  "The event is sent again.": "El aviso se envía otra vez.",
  "Nothing yet.": "Nada todavía.",
  "These are the latest {n}.": "Estas son las últimas {n}.",
  When: "Cuándo",
  Event: "Aviso",
  Problem: "Problema",
  "again at {time}": "otra vez a las {time}",
  "Send again: {event}, {time}": "Reenviar: {event}, {time}",
  "Send again": "Reenviar",
};

/**
 * Sentences of the server: its English, and the Spanish. {Names} stand for what differs, in which only terms are
 * translated. The first that fits counts.
 * @type {Record<string, string>}
 */
export const sentences = {
  "Row not read": "Fila no leída",
  "Words between rows": "Palabras entre filas",
  "Total not read": "Total no leído",
  "Page missing": "Falta una página",
  "Page twice": "Página repetida",
  "Page twice, and they differ": "Página repetida, y difieren",
  "File twice": "Archivo repetido",
  "Bill without number": "Conocimiento sin número",
  "Page without text": "Página sin texto",
  "Not a bill": "No es un conocimiento",
  "Table not found": "No se encontró la tabla",
  "Damaged page": "Página dañada",
  "Text that may be hidden": "Texto que puede estar oculto",
  Stamp: "Sello",
  "Doubtful number": "Número dudoso",
  "Doubtful reading": "Lectura dudosa",
  "Poor picture": "Imagen deficiente",
  "Chosen reading": "Lectura elegida",
  "Read once": "Leído una sola vez",
  Converted: "Convertido",
  "Attached file": "Archivo adjunto",
  "Does not add up": "No cuadra",
  "Not checked": "Sin comprobar",
  "Not proved": "No comprobado",
  "Near miss": "Coincidencia parcial",
  "No order": "Sin pedido",
  "No line": "Sin línea",
  "Orders of other bills": "Pedidos de otros conocimientos",
  "Wrong orders?": "¿Pedidos equivocados?",
  "Within rounding": "Dentro del redondeo",
  "Shipping instructions": "Instrucciones de envío",
  Notes: "Notas",
  "Amendment without place": "Corrección sin lugar",
  Amended: "Corregido",
  "Order export": "Archivo de pedidos",
  "Look at this": "Vea esto",
  "Read the row on the page, and add a line for it.": "Lea la fila en la página y agregue una línea para ella.",
  "Look at the page: the words may belong to a line.": "Mire la página: las palabras pueden ser de una línea.",
  "Read the total on the page and compare it with the sum of the lines.":
    "Lea el total en la página y compárelo con la suma de las líneas.",
  "Add the missing page; until then the sums of the lines that are there stand in for its totals.":
    "Agregue la página que falta; hasta entonces las sumas de las líneas que hay sustituyen sus totales.",
  "If the page was copied by mistake, there is nothing to do.":
    "Si la página se copió por error, no hay nada que hacer.",
  "Compare both pages, and remove the wrong one from the document: the lines of both are in the sheet.":
    "Compare ambas páginas y quite la equivocada del documento: las líneas de las dos están en la hoja.",
  "If the file was given twice by mistake, there is nothing to do.":
    "Si el archivo se dio dos veces por error, no hay nada que hacer.",
  "Read the number on the page and fill it in as Invoice No.": "Lea el número en la página y póngalo como Invoice No.",
  "If the page is a bill, get it as a PDF with text, or add its lines by hand.":
    "Si la página es un conocimiento, consígala como PDF con texto, o agregue sus líneas.",
  "If the page is a bill, its lines are not in the sheet: add a line for each.":
    "Si la página es un conocimiento, sus líneas no están en la hoja: agréguelas.",
  "Add a line for each row of the page.": "Agregue una línea por cada fila de la página.",
  "Export the PDF again and use it in place of this one.": "Exporte el PDF de nuevo y úselo en lugar de este.",
  "Compare what was read with the picture of the page.": "Compare lo que se leyó con la imagen de la página.",
  "Look at the page: if the stamp makes the bill void, remove the bill from the document.":
    "Mire la página: si el sello anula el conocimiento, quítelo del documento.",
  "Compare the number with the page.": "Compare el número con la página.",
  "Take or scan the page again if values of it are wrong or missing.":
    "Vuelva a fotografiar o escanear la página si faltan valores o son incorrectos.",
  "Compare the text with the picture, and correct it if it is another.":
    "Compare el texto con la imagen y corríjalo si es otro.",
  "Compare the figure with the picture, and correct it if it is another.":
    "Compare la cifra con la imagen y corríjala si es otra.",
  ["Compare the bills with the pictures and accept them, or have the pictures read again where two readers are " +
    "installed."]:
    "Compare los conocimientos con las imágenes y acéptelos, o haga leer las imágenes de nuevo donde haya dos " +
    "lectores instalados.",
  "If the attached file has bills, save it as a file of its own and add that.":
    "Si el archivo adjunto tiene conocimientos, guárdelo aparte y agréguelo.",
  "Compare the lines with the page; if the paper is wrong, ask the shipper for a corrected bill.":
    "Compare las líneas con la página; si el papel está mal, pida al remitente un conocimiento corregido.",
  "Compare the lines with the page: the sums of the lines stand in for the totals, and nothing proves them.":
    "Compare las líneas con la página: las sumas de las líneas sustituyen los totales, y nada las comprueba.",
  "Compare the lines with the page, and accept the bill if they are right.":
    "Compare las líneas con la página, y acepte el conocimiento si están bien.",
  "Compare both: correct the one that is wrong, or accept the pair; until then nothing of the order is filled in.":
    "Compare ambos: corrija el que esté mal o acepte la pareja; hasta entonces no se completa nada del pedido.",
  ["Look for the bill and the style in the order export: pair the line with its row, or export it again if " +
    "rows are missing."]:
    "Busque el conocimiento y el estilo en el archivo de pedidos: una la línea con su fila, o expórtelo de nuevo " +
    "si faltan filas.",
  ["Look at the bill: add the line if it was not read, or pair the row with another line; else the order was " +
    "not shipped."]:
    "Mire el conocimiento: agregue la línea si no se leyó, o una la fila con otra línea; si no, el pedido no se " +
    "envió.",
  "If these orders belong to another shipment, there is nothing to do.":
    "Si estos pedidos son de otro embarque, no hay nada que hacer.",
  "Give the order export of this shipment, or the bills of this export.":
    "Dé el archivo de pedidos de este embarque, o los conocimientos de este archivo.",
  "Make the amendment again where it belongs, or undo it.":
    "Haga la corrección de nuevo donde corresponde, o deshágala.",
  "Look at the page.": "Mire la página.",
  "Bill {id}, page {p} of {f}, order row {r}": "Conocimiento {id}, página {p} de {f}, fila de pedidos {r}",
  "Bill {id}, page {p}, order row {r}": "Conocimiento {id}, página {p}, fila de pedidos {r}",
  "Bill {id}, order rows {r}": "Conocimiento {id}, filas de pedidos {r}",
  "Bill {id}, order row {r}": "Conocimiento {id}, fila de pedidos {r}",
  "Bill {id}, page {p} of {f}": "Conocimiento {id}, página {p} de {f}",
  "Bill {id}, page {p}": "Conocimiento {id}, página {p}",
  "Bill {id}": "Conocimiento {id}",
  "{n} bills": "{n} conocimientos",
  "Page {p} of {m} of bill {n} is missing.": "Falta la página {p} de {m} del conocimiento {n}.",
  "Page {p} of {m} is missing": "Falta la página {p} de {m}",
  "Page {p} of {m} is missing.": "Falta la página {p} de {m}.",
  "Page {p} of {f}": "Página {p} de {f}",
  "Page {p}": "Página {p}",
  "Order rows {r}": "Filas de pedidos {r}",
  "Order row {r}": "Fila de pedidos {r}",
  "{f}: the lines add up to {a}, the bill prints {b}.": "{f}: las líneas suman {a}, el conocimiento imprime {b}.",
  "No total is printed for {f}.": "No hay total impreso de {f}.",
  "1 line has no order row: {s}.": "1 línea no tiene fila de pedidos: {s}.",
  "{n} lines have no order row: {s}.": "{n} líneas no tienen fila de pedidos: {s}.",
  "1 order row has no line on the bill: {s}.": "1 fila de pedidos no tiene línea en el conocimiento: {s}.",
  "{n} order rows have no line on the bill: {s}.": "{n} filas de pedidos no tienen línea en el conocimiento: {s}.",
  "1 order row is for bills that are not in the document: {s}.":
    "1 fila de pedidos es de conocimientos que no están en el documento: {s}.",
  "{n} order rows are for bills that are not in the document: {s}.":
    "{n} filas de pedidos son de conocimientos que no están en el documento: {s}.",
  "A row of the table cannot be read ({w}): {s}.": "No se puede leer una fila de la tabla ({w}): {s}.",
  "Style {s}: the bill has {a}, the order {b}.": "Estilo {s}: el conocimiento tiene {a}, el pedido {b}.",
  "The total of {f} is not a number: {s}.": "El total de {f} no es un número: {s}.",
  "A text in the table belongs to no line: {s}.": "Un texto de la tabla no es de ninguna línea: {s}.",
  "The number of this bill cannot be read.": "No se puede leer el número de este conocimiento.",
  "The number of this bill cannot be read ({s}).": "No se puede leer el número de este conocimiento ({s}).",
  "Its lines are in the sheet without one.": "Sus líneas están en la hoja sin él.",
  "{a} was read from the picture, and it may be {b} or {c} or {d}.":
    "En la imagen se leyó {a}, y puede ser {b}, {c} o {d}.",
  "{a} was read from the picture, and it may be {b} or {c}.": "En la imagen se leyó {a}, y puede ser {b} o {c}.",
  "{a} was read from the picture, and it may be {b}.": "En la imagen se leyó {a}, y puede ser {b}.",
  "{a} was read from the picture, close to a ruling line; it may be another text: {b}.":
    "En la imagen se leyó {a}, junto a una línea del formulario; puede ser otro texto: {b}.",
  "One reader read {a}, the other {b} or {c}, and no total proves either.":
    "Un lector leyó {a}; el otro, {b} o {c}, y ningún total lo comprueba.",
  "One reader read {a}, the other {b}, and no total proves either.":
    "Un lector leyó {a}; el otro, {b}, y ningún total lo comprueba.",
  "One reader read {a}, the other {b} or {c}.": "Un lector leyó {a}; el otro, {b} o {c}.",
  "One reader read {a}, the other {b}.": "Un lector leyó {a}; el otro, {b}.",
  "{c} was chosen, since only with it the lines add up to the printed totals.":
    "Se eligió {c}, porque solo así las líneas suman los totales impresos.",
  "{c} was chosen, since the order export has nothing else in its place.":
    "Se eligió {c}, porque el archivo de pedidos no tiene otra cosa en su lugar.",
  "The order export has {c} in its place.": "El archivo de pedidos tiene {c} en su lugar.",
  ["The pictures were read by one reader, since the second one is not there or failed, so nothing that was read of " +
    "them is proved; install tesseract to have them read twice."]:
    "Las imágenes las leyó un solo lector, porque el segundo no está o falló, así que nada de lo leído está " +
    "comprobado; instale tesseract para que se lean dos veces.",
  "The picture is too dark; take it again with more light.": "La imagen es demasiado oscura; tómela con más luz.",
  "The picture is blurred; hold the camera still and take it again.":
    "La imagen está borrosa; mantenga quieta la cámara y tómela de nuevo.",
  ["The picture was taken from too far or with too few dots, so that its letters are only {n} pixels high; take it " +
    "again from nearer, or scan it with 300 dots per inch."]:
    "La imagen se tomó de muy lejos o con muy pocos puntos: sus letras miden solo {n} píxeles; tómela de más cerca " +
    "o escanéela a 300 puntos por pulgada.",
  "It was read from a picture: two readers read it from a picture.": "Dos lectores lo leyeron de una imagen.",
  "Its 1 value was read once, from a picture: one reader read it from a picture.":
    "Un solo lector leyó de una imagen su único valor.",
  "Its {n} values were read once, from a picture: one reader read it from a picture.":
    "Un solo lector leyó de una imagen sus {n} valores.",
  "1 value is not proved, though the lines add up to the printed totals.":
    "1 valor no está comprobado, aunque las líneas suman los totales impresos.",
  "{n} values are not proved, though the lines add up to the printed totals.":
    "{n} valores no están comprobados, aunque las líneas suman los totales impresos.",
  "Its lines add up to the printed totals, but one misreading can stand in both.":
    "Sus líneas suman los totales impresos, pero un mismo error de lectura puede estar en ambos.",
  "The printed total of {f} cannot be read.": "No se puede leer el total impreso de {f}.",
  "Its 1 line is not in the sheet, until somebody accepts the bill.":
    "Su única línea no está en la hoja hasta que alguien acepte el conocimiento.",
  "Its {n} lines are not in the sheet, until somebody accepts the bill.":
    "Sus {n} líneas no están en la hoja hasta que alguien acepte el conocimiento.",
  "Its 1 line is in the sheet, since somebody accepted the bill.":
    "Su única línea está en la hoja, porque alguien aceptó el conocimiento.",
  "Its {n} lines are in the sheet, since somebody accepted the bill.":
    "Sus {n} líneas están en la hoja, porque alguien aceptó el conocimiento.",
  "The page is a picture in which no text was found.": "La página es una imagen en la que no se encontró texto.",
  "The page has no text: it is blank, or a picture that could not be read.":
    "La página no tiene texto: está en blanco, o es una imagen que no se pudo leer.",
  ["The page is a scan whose only text is invisible: a scanner's reading of it, which nobody can check; it was not " +
    "read."]:
    "La página es un escaneo cuyo único texto es invisible: la lectura de un escáner, que nadie puede comprobar; no " +
    "se leyó.",
  "The page is a picture with a few words over it, such as a stamp; what the picture shows cannot be read.":
    "La página es una imagen con unas pocas palabras encima, como un sello; lo que muestra no se puede leer.",
  "The cancel date is empty; these rows are sorted as if they had no date.":
    "La fecha de cancelación está vacía; estas filas se ordenan como si no tuvieran fecha.",
  "{a}; rounding may change each line by half its last printed digit.":
    "{a}; el redondeo puede cambiar cada línea en medio de su último dígito impreso.",
  "The window ended on {d}, {n} days before {t}.": "La ventana terminó el {d}, {n} días antes del {t}.",
  "The window ended on {d}, 1 day before {t}.": "La ventana terminó el {d}, 1 día antes del {t}.",
  "Bill {b} has lines with another {c}; all of it is counted with its first line's.":
    "El conocimiento {b} tiene líneas con otro {c}; todo se cuenta con el de su primera línea.",
  "Upload the bills first.": "Suba primero los conocimientos.",
  "Upload the bills first": "Suba primero los conocimientos",
  "The file is not a PDF": "El archivo no es un PDF",
  "The key is not valid here; it may have been removed": "La clave no vale aquí; tal vez se eliminó",
  "The key has expired; ask the operator for a new one": "La clave venció; pida una nueva al operador",
  "This server needs a key; send it as \"Authorization: Bearer KEY\" or \"X-API-Key: KEY\"":
    "Este servidor pide una clave",
  "This key may only look and download; ask the operator for one without --read-only":
    "Esta clave solo puede ver y descargar; pida otra al operador",
  "It answered {n} {s}.": "Respondió {n} {s}.",
  "It answered 410 Gone.": "Respondió 410 Gone.",
  "You switched it off.": "Usted lo apagó.",
  "The webhook is off: {s}.": "El webhook está apagado: {s}.",
  "It did not answer within 15s.": "No respondió en 15 segundos.",
  "It closed the connection.": "Cerró la conexión.",
  "Nothing accepts connections there.": "Nada acepta conexiones allí.",
  "There is no host of that name.": "No hay ningún servidor con ese nombre.",
  "Its certificate has expired, or is not valid yet.": "Su certificado venció, o todavía no vale.",
  "Its certificate is for another host.": "Su certificado es de otro servidor.",
  "Its certificate is not of an authority that this server trusts.":
    "Su certificado no es de una autoridad en la que este servidor confíe.",
  "The server is busy; try again in {n} seconds": "El servidor está ocupado; inténtelo de nuevo en {n} segundos",
};

/**
 * Terms within sentences of the server, as they stand outside quotes.
 * @type {[RegExp, string][]}
 */
export const terms = [
  [/\bcartons\b/g, "cajas"], [/\bcarton\b/g, "caja"], [/\bpieces\b/g, "piezas"], [/\bpiece\b/g, "pieza"],
  [/\bweight\b/g, "peso"], [/\bcube\b/g, "cubicaje"], [/\bvolume\b/g, "volumen"], [/\bstyle\b/g, "estilo"],
  [/\bCartons\b/g, "Cajas"], [/\bPieces\b/g, "Piezas"], [/\bWeight\b/g, "Peso"], [/\bCube\b/g, "Cubicaje"],
  [/ and (\d+) more\b/g, " y $1 más"], [/\bis not a number\b/g, "no es un número"], [/\brounding\b/g, "redondeo"],
  [/\bcu ft\b/g, "ft³"], [/\bnot given\b/g, "no dado"], [/\bwithout number\b/g, "sin número"],
  [/\bnothing\b/g, "nada"],
];
