"""The vocabulary of the sample messages: common words first, since make_samples.py draws the first ones most."""

from __future__ import annotations

AGENTS = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_2 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36",
    "ShopApp/7.14.2 (Android 16; Pixel 9)",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "ShopApp/7.15.0 (iOS 19.2; iPhone17,1)",
    "kube-probe/1.34",
    "curl/8.15.0",
]

PRODUCTS = [
    "Desk Lamp Arc", "Oak Side Table", "Linen Cushion", "Enamel Kettle", "Wool Blanket", "Cork Notice Board",
    "Folding Step Stool", "Ceramic Bowl Set", "Brass Door Hook", "Cotton Hammock", "Garden Hose 25 m", "Bread Knife",
    "Travel Mug", "Wall Clock Nord", "Umbrella Stand", "Bamboo Shelf", "Picture Frame A3", "Shower Curtain",
    "Salad Spinner", "Reading Chair", "Glass Carafe", "Laundry Basket", "Cast Iron Pan", "Night Light Moon",
    "Bookend Pair", "Coffee Grinder", "Door Mat Coir", "Plant Pot Terra", "Tool Box Small", "Spice Rack",
    "Towel Ladder", "Bedside Drawer", "Floor Mirror", "Rolling Pin", "Candle Holder Tin", "Sewing Kit",
    "Bath Brush", "Cheese Board", "Key Cabinet", "Hall Bench", "Tea Strainer", "Window Thermometer",
]  # fmt: skip

ADJECTIVES = [
    "small", "black", "wooden", "cheap", "round", "white", "modern", "vintage", "outdoor", "large", "foldable", "blue",
    "washable", "sturdy", "green", "handmade", "light", "quiet", "grey", "recycled", "waterproof", "slim", "warm",
]  # fmt: skip

NOUNS = [
    "lamp", "table", "kitchen", "chair", "balcony", "shelf", "bathroom", "mirror", "garden", "rug", "office", "hallway",
    "bedroom", "clock", "blanket", "kettle", "pan", "stool", "curtain", "basket", "bench", "terrace", "nursery",
]  # fmt: skip

CITIES = [
    "Utrecht", "Leipzig", "Porto", "Ghent", "Aarhus", "Lyon", "Graz", "Tampere", "Bilbao", "Gdańsk", "Malmö", "Trieste",
    "Cork", "Brno", "Tartu", "Maribor", "Bergen", "Patras",
]  # fmt: skip

STREETS = [
    "Station Road", "Lindenweg", "Rue des Tilleuls", "Kanaalstraat", "Via Garibaldi", "Calle Mayor", "Mill Lane",
    "Harbour Street", "Bahnhofplatz", "Rua do Sol", "Kirkegade", "Elm Court",
]  # fmt: skip

FIRST_NAMES = [
    "Anna", "Jonas", "Mira", "Luís", "Sofia", "Emil", "Nora", "Pavel", "Ines", "Tom", "Greta", "Marek", "Lotte", "Hugo",
    "Elif", "Oskar", "Zoë", "Bram", "Carla", "Timo", "Freya", "Rui", "Hanna", "Milan",
]  # fmt: skip

REASONS = [
    "insufficient funds", "card expired", "address not found", "connection reset by peer", "item damaged in transit",
    "3-D Secure timed out", "ordered by mistake", "wrong colour", "upstream timeout after 5000 ms", "limit exceeded",
    "arrived too late", "issuer unavailable", "duplicate request",
]  # fmt: skip

CHAT_OPENERS = [
    "Hi, I need help with order {order}.", "Hello!", "Good morning, my name is {name}.", "Hey there", "Anyone there?",
    "Hi {name}, thanks for getting back to me.", "Good evening, quick question about the {product}.", "Hello {name}",
    "Morning! I wrote you {days} days ago and nobody answered.", "Hi, it's me again about {order}.",
]  # fmt: skip

CHAT_REQUESTS = [
    "Where is my order {order}?", "Do you still have the {product} in {adjective}?", "Can I return the {product}?",
    "The {product} arrived broken, what should I do?", "How long does shipping to {city} take?",
    "I was charged {price} twice for the {product}.", "Can you change the address of order {order} to {city}?",
    "Is there a {adjective} one that fits in a {noun}?", "I'd like to cancel {order} before it ships.",
    "What's the difference between the {product} and the {adjective} one?", "My voucher does not work at checkout.",
    "Could you send me the invoice for {order}, please?", "When will the {product} be back in stock?",
    "The box was missing a screw for the {product}.", "Can somebody call me tomorrow after {hour}:00?",
    "I am looking for a {adjective} {noun} for less than {price}.", "Does the {product} come with a warranty?",
    "My parcel has been sitting in {city} for {days} days now.", "Which {noun} would you recommend with the {product}?",
    "I gave it to {name} as a gift and the colour is wrong, can we swap it for a {adjective} one?",
    "The app crashes as soon as I open my basket.", "Can I pick it up in {city} instead?",
    "Your courier left the {product} with a neighbour I don't know.", "Is {price} the price for one or for two?",
    "I ordered the {adjective} {noun} but received a {product}.", "Can I pay by invoice if I live in {city}?",
]  # fmt: skip

CHAT_ANSWERS = [
    "Of course, let me have a look.", "One moment please.", "Thanks for waiting, {name}.", "You're welcome!",
    "Order {order} left our warehouse in {city} this morning.", "It should arrive within {days} days.",
    "I have refunded {price} to your card.", "Could you send us a photo of the {product}?", "Thank you", "ok",
    "Sorry about that, I will send you a new {product} today.", "Yes, the {product} has a two-year warranty.",
    "I'm afraid the {adjective} one is sold out until next month.", "No problem at all.", "Perfect, thanks a lot",
    "The return label is in your inbox, just print it and drop the parcel in {city}.", "Got it, {name}.",
    "We are open until {hour}:00, somebody will call you back.", "Great, that works for me.", "Have a nice day!",
    "I've changed the address to {city}, is there anything else I can do?", "No, that was all.", "sure",
    "Please allow {days} working days for the refund of {price}.", "I'd go for the {adjective} {noun}, most people do.",
    "That voucher was only valid in {city} until last week, but I can give you {price} off.", "Let me ask a colleague.",
    "The {product} is {adjective}, about as tall as a {noun}.", "{name} from the workshop says it can be repaired.",
    "Oh no, that should not happen.", "Could you tell me the order number?", "It's {order}", "yes please", "no",
]  # fmt: skip
